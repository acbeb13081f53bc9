#include "common/storage/blob_key.h"

#include <doctest/doctest.h>

#include "common/storage/local_file_system.h"
#include "tests/support/temporary_directory.h"

using weir::BlobKey;

TEST_CASE("blob_key: it is the SHA-256 of the content") {
  CHECK(weir::blob_key_of("").to_hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(weir::blob_key_of("abc").to_hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("blob_key: pieces give the key of the whole, and a hasher begins anew") {
  weir::BlobHasher hasher;
  for (int round = 0; round < 2; ++round) {
    hasher.update("a");
    hasher.update("");
    hasher.update("bc");
    CHECK(hasher.finish() == weir::blob_key_of("abc"));
  }
}

TEST_CASE("blob_key: a file larger than one piece has the key of its content") {
  weir::test::TemporaryDirectory directory;
  weir::LocalFileSystem files;
  std::string text(700'001, 'x');
  auto content = blob_key_of_file(files, directory.write("f", text).string());
  REQUIRE(content.ok());
  CHECK(content->bytes == text.size());
  CHECK(content->key == weir::blob_key_of(text));
  CHECK(blob_key_of_file(files, directory.write("empty", "").string())->key == weir::blob_key_of(""));
  CHECK_FALSE(blob_key_of_file(files, directory.string() + "/absent").ok());
}

TEST_CASE("blob_key: text reads back in either case, and anything else is refused") {
  BlobKey key = weir::blob_key_of("abc");
  CHECK(BlobKey::from_hex(key.to_hex()).value() == key);
  CHECK(BlobKey::from_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD").value() == key);
  for (std::string text : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g'),
                           "../" + std::string(61, 'a'), std::string(64, '\0')}) {
    CHECK(BlobKey::from_hex(text).error().code == weir::ErrorCode::invalid_argument);
  }
  CHECK(BlobKey().is_none());
  CHECK_FALSE(key.is_none());
}
