#include "common/storage/blob_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "common/base/ensure.h"
#include "common/base/hex.h"
#include "common/base/text.h"
#include "common/base/try.h"

namespace weir {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

Result<BlobKey> BlobKey::from_hex(std::string_view text) {
  Bytes bytes{};
  if (!weir::from_hex(text, bytes)) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("no blob key: \"{}\" is not 64 hexadecimal digits", printable(text, 80)));
  }
  return BlobKey(bytes);
}

std::string BlobKey::to_hex() const { return weir::to_hex(bytes_); }

struct BlobHasher::State {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};

  void begin() {
    ENSURE(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1,
           "OpenSSL has no SHA-256");
  }
};

BlobHasher::BlobHasher() : state_(std::make_unique<State>()) { state_->begin(); }
BlobHasher::~BlobHasher() = default;
BlobHasher::BlobHasher(BlobHasher&&) noexcept = default;
BlobHasher& BlobHasher::operator=(BlobHasher&&) noexcept = default;

void BlobHasher::update(std::string_view bytes) {
  ENSURE(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "SHA-256 failed");
}

BlobKey BlobHasher::finish() {
  BlobKey::Bytes bytes{};
  unsigned int size = 0;
  ENSURE(EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size) == 1 && size == bytes.size(), "SHA-256 failed");
  state_->begin();
  return BlobKey(bytes);
}

BlobKey blob_key_of(std::string_view bytes) {
  BlobHasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Result<BlobContent> blob_key_of_file(FileSystem& files, const std::string& path) {
  TRY(std::unique_ptr<ReadableFile> file, files.open(path));
  BlobHasher hasher;
  BlobContent content;
  std::string piece(kPieceBytes, '\0');
  while (true) {
    TRY(std::size_t count, file->read_at(content.bytes, piece));
    if (count == 0) break;
    hasher.update(std::string_view(piece).substr(0, count));
    content.bytes += count;
  }
  content.key = hasher.finish();
  return content;
}

}  // namespace weir
