#include "common/rpc/cluster_secret.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace weir::rpc {
namespace {

void write(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

std::string mark(const ClusterSecret& secret) {
  const auto proof = secret.prove("mark", "");
  return std::string(proof.data(), proof.size());
}

TEST_CASE("cluster secret: proofs are HMAC-SHA-256") {
  // Computed with openssl dgst -sha256 -hmac.
  const auto secret = ClusterSecret::from_text(std::string(32, 'k')).value();
  const auto proof = secret.prove("purpose", "message");
  std::string hex;
  for (const char byte : proof) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  CHECK(hex == "d1ffb1b761ffc9b85086878918574f6a6765732b42ba80f7d0f7f7671982ef07");
}

TEST_CASE("cluster secret: a proof fits its secret, purpose and message only") {
  const auto secret = ClusterSecret::random();
  const auto other = ClusterSecret::random();
  const auto proof = secret.prove("dialler", "ab");
  const std::string bytes(proof.data(), proof.size());
  CHECK(secret.verify("dialler", "ab", bytes));
  CHECK_FALSE(other.verify("dialler", "ab", bytes));
  CHECK_FALSE(secret.verify("acceptor", "ab", bytes));
  CHECK_FALSE(secret.verify("dialler", "ba", bytes));
  CHECK_FALSE(secret.verify("diallera", "b", bytes));
  CHECK_FALSE(secret.verify("dialler", "ab", bytes.substr(1)));
  CHECK_FALSE(secret.verify("dialler", "ab", bytes + "x"));
  CHECK_FALSE(secret.verify("dialler", "ab", ""));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(secret.verify("dialler", "ab", changed));
  }
}

TEST_CASE("cluster secret: the first process makes a file that only its owner reads, later ones read it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.string() + "/cluster.secret";
  const auto made = load_cluster_secret(path, true);
  REQUIRE(made.ok());
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
  CHECK(test::read_text(path).size() == 65);
  const auto read = load_cluster_secret(path, true);
  REQUIRE(read.ok());
  CHECK(mark(*made) == mark(*read));
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("cluster secret: processes that start at the same time make one") {
  for (int round = 0; round < 20; ++round) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.string() + "/cluster.secret";
    std::vector<std::string> marks(8);
    std::vector<std::jthread> threads;
    for (std::string& each : marks)
      threads.emplace_back([&path, &each] { each = mark(load_cluster_secret(path, true).value()); });
    threads.clear();
    CHECK(std::set<std::string>(marks.begin(), marks.end()).size() == 1);
    CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
  }
}

TEST_CASE("cluster secret: white space around the text does not count, so that editors may add a line's end") {
  CHECK(mark(ClusterSecret::from_text(std::string(40, 's')).value()) ==
        mark(ClusterSecret::from_text("\n " + std::string(40, 's') + "\r\n").value()));
}

TEST_CASE("cluster secret: what is no secret is refused with a sentence that names the file and the way out") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.string() + "/secret";
  struct Case {
    std::string text;
    mode_t mode;
    ErrorCode code;
    std::string words;
  };
  const std::string good(64, 'a');
  for (const Case& each :
       {Case{good, 0644, ErrorCode::failed_precondition, "open to other users (mode 0644): chmod 600"},
        Case{good, 0640, ErrorCode::failed_precondition, "mode 0640"},
        Case{good, 0602, ErrorCode::failed_precondition, "mode 0602"},
        Case{"", 0600, ErrorCode::invalid_argument, "holds 0 bytes"},
        Case{" \n", 0600, ErrorCode::invalid_argument, "holds 0 bytes"},
        Case{std::string(31, 'a'), 0600, ErrorCode::invalid_argument, "32 to 1024"},
        Case{std::string(1025, 'a'), 0600, ErrorCode::invalid_argument, "32 to 1024"},
        Case{std::string(100'000, 'a'), 0600, ErrorCode::invalid_argument, "32 to 1024"}}) {
    write(path, each.text, each.mode);
    CAPTURE(each.words);
    for (const bool may_make : {true, false}) {
      const auto refused = load_cluster_secret(path, may_make);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().code == each.code);
      CHECK(refused.error().message.find(path) != std::string::npos);
      CHECK(refused.error().message.find(each.words) != std::string::npos);
    }
    std::filesystem::remove(path);
  }
  const auto folder = load_cluster_secret(directory.string(), true);
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.error().message.find("no regular file") != std::string::npos);
}

TEST_CASE("cluster secret: a file that somebody named is not made, and one that can't be made is explained") {
  const test::TemporaryDirectory directory;
  const auto absent = load_cluster_secret(directory.string() + "/absent", false);
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().code == ErrorCode::not_found);
  CHECK(absent.error().message.find("openssl rand -hex 32") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(directory.path() / "absent"));
  const auto nowhere = load_cluster_secret(directory.string() + "/no/such/folder/cluster.secret", true);
  REQUIRE_FALSE(nowhere.ok());
  CHECK(nowhere.error().code == ErrorCode::io);
  CHECK(nowhere.error().message.find("security.rpc.secret-file") != std::string::npos);
}

}  // namespace
}  // namespace weir::rpc
