#include "common/observe/log_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace weir;

namespace {

struct Folder {
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path = std::string(base != nullptr ? base : "/tmp") + "/log_files_XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path + "/" + name) << text; }
  std::string path;
};

}  // namespace

TEST_CASE("log_files: two processes on one directory get two numbers, and a number is free again after its end") {
  const Folder folder;
  auto first = log::claim_files(folder.path + "/deep/log", "taskexecutor", std::nullopt);
  REQUIRE(first.ok());
  CHECK(first->stem.find("-taskexecutor-0-") != std::string::npos);
  const auto second = log::claim_files(folder.path + "/deep/log", "taskexecutor", std::nullopt);
  REQUIRE(second.ok());
  CHECK(second->stem.find("-taskexecutor-1-") != std::string::npos);
  first->claim.reset(-1);
  const auto third = log::claim_files(folder.path + "/deep/log", "taskexecutor", std::nullopt);
  REQUIRE(third.ok());
  CHECK(third->stem == first->stem);
}

TEST_CASE("log_files: a given prefix is taken as it is") {
  const Folder folder;
  const auto files = log::claim_files("/nowhere", "taskexecutor", folder.path + "/logs/mine-3");
  REQUIRE(files.ok());
  CHECK(files->directory == folder.path + "/logs");
  CHECK(files->stem == "mine-3");
  CHECK(std::filesystem::is_directory(folder.path + "/logs"));
}

TEST_CASE("log_files: a directory that cannot be made is an error with its path") {
  const auto files = log::claim_files("/proc/nowhere/log", "taskexecutor", std::nullopt);
  REQUIRE_FALSE(files.ok());
  CHECK(files.error().code == ErrorCode::io);
  CHECK(files.error().message.find("/proc/nowhere/log") != std::string::npos);
}

TEST_CASE("log_files: the list has regular files only, by name") {
  const Folder folder;
  folder.write("b.out", "12345");
  folder.write("a.log", "");
  folder.write(".hidden", "x");
  std::filesystem::create_directory(folder.path + "/sub");
  std::filesystem::create_symlink("/etc/passwd", folder.path + "/link.log");
  ::mkfifo((folder.path + "/pipe.log").c_str(), 0600);
  const auto files = log::list_files(folder.path);
  REQUIRE(files.ok());
  REQUIRE(files->size() == 2);
  CHECK(files->at(0).name == "a.log");
  CHECK(files->at(1).name == "b.out");
  CHECK(files->at(1).bytes == 5);
  CHECK(files->at(1).modified_ms > 1'600'000'000'000);
  CHECK_FALSE(log::list_files(folder.path + "/none").ok());
}

TEST_CASE("log_files: a piece is bounded by the request and by the file") {
  const Folder folder;
  folder.write("a.log", "0123456789");
  CHECK(log::read_file(folder.path, "a.log", 0, 4)->content == "0123");
  CHECK(log::read_file(folder.path, "a.log", 8, 100)->content == "89");
  CHECK(log::read_file(folder.path, "a.log", 10, 100)->content.empty());
  CHECK(log::read_file(folder.path, "a.log", ~0ULL, 100)->content.empty());
  CHECK(log::read_file(folder.path, "a.log", 3, 0)->content.empty());
  CHECK(log::read_file(folder.path, "a.log", 3, 0)->file_bytes == 10);
  folder.write("big.log", std::string(3 * 1024 * 1024, 'x'));
  CHECK(log::read_file(folder.path, "big.log", 0, 0xffffffff)->content.size() == log::kReadBytesMax);
}

TEST_CASE("log_files: a name is never a path") {
  const Folder folder;
  std::filesystem::create_directory(folder.path + "/log");
  folder.write("secret", "x");
  folder.write("log/.hidden", "x");
  std::filesystem::create_symlink("/etc/passwd", folder.path + "/log/link.log");
  ::mkfifo((folder.path + "/log/pipe.log").c_str(), 0600);
  for (const std::string& name :
       {std::string("../secret"), std::string("/etc/passwd"), std::string(".hidden"), std::string(".."),
        std::string("."), std::string(), std::string("link.log"), std::string("pipe.log"), std::string("none.log"),
        std::string("a\0b", 3), std::string(5000, 'x'), std::string("log/x")}) {
    CAPTURE(name);
    const auto piece = log::read_file(folder.path + "/log", name, 0, 100);
    REQUIRE_FALSE(piece.ok());
    CHECK(piece.error().code == ErrorCode::not_found);
  }
}
