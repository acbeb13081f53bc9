#include "common/storage/durable_file.h"

#include <doctest/doctest.h>

#include "common/storage/local_file_system.h"
#include "tests/support/temporary_directory.h"

using weir::DurableFile;
using weir::Error;
using weir::ErrorCode;
using weir::LocalFileSystem;
using weir::Result;
using weir::test::TemporaryDirectory;

namespace {

/// What a failing file system does at one named step, counted from the first.
class FailingFile : public weir::WritableFile {
 public:
  FailingFile(std::unique_ptr<weir::WritableFile> real, const std::string& step)
      : real_(std::move(real)), step_(step) {}
  Result<void> append(std::string_view bytes) override { return fails("append") ? error() : real_->append(bytes); }
  Result<void> sync() override { return fails("sync") ? error() : real_->sync(); }
  Result<void> close() override { return fails("close") ? error() : real_->close(); }

 private:
  bool fails(const char* step) const { return step_ == step; }
  static Result<void> error() { return Error::external(ErrorCode::io, "no space left on device"); }
  std::unique_ptr<weir::WritableFile> real_;
  const std::string& step_;
};

/// The local file system with one step that fails; remembers the order of steps.
class FailingFileSystem : public LocalFileSystem {
 public:
  std::string step;
  std::vector<std::string> steps;

  Result<std::unique_ptr<weir::WritableFile>> create(const std::string& path) override {
    steps.push_back("create");
    auto real = LocalFileSystem::create(path);
    if (!real.ok()) return real;
    return std::unique_ptr<weir::WritableFile>(std::make_unique<FailingFile>(std::move(real).value(), step));
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    steps.push_back("rename");
    if (step == "rename") return Error::external(ErrorCode::io, "stale file handle");
    return LocalFileSystem::rename(from, to);
  }
  Result<void> sync_directory(const std::string& directory) override {
    steps.push_back("sync_directory " + directory);
    if (step == "sync_directory") return Error::external(ErrorCode::io, "input/output error");
    return LocalFileSystem::sync_directory(directory);
  }
};

}  // namespace

TEST_CASE("durable_file: nothing is visible under the name before it is published, and then all of it") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  std::string path = directory.string() + "/part-0";
  auto file = DurableFile::create(files, path);
  REQUIRE(file.ok());
  REQUIRE(file->append("one ").ok());
  REQUIRE(file->append("two").ok());
  CHECK(file->size() == 7);
  CHECK_FALSE(std::filesystem::exists(path));
  auto names = files.list(directory.string());
  REQUIRE(names->size() == 1);
  CHECK(names->front().starts_with(".part-0.inprogress."));
  CHECK(weir::is_unfinished(names->front()));
  REQUIRE(file->publish().ok());
  CHECK(weir::test::read_text(path) == "one two");
  CHECK(files.list(directory.string()).value() == std::vector<std::string>{"part-0"});
}

TEST_CASE("durable_file: a file that is given up leaves nothing") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  {
    auto file = DurableFile::create(files, directory.string() + "/part-0");
    REQUIRE(file.ok());
    REQUIRE(file->append("half").ok());
  }
  CHECK(files.list(directory.string())->empty());
}

TEST_CASE("durable_file: a step that fails before the rename keeps the earlier file and leaves nothing else") {
  for (const char* step : {"append", "sync", "close", "rename"}) {
    INFO(step);
    TemporaryDirectory directory;
    FailingFileSystem files;
    std::string path = directory.write("pointer", "old").string();
    files.step = step;
    CHECK_FALSE(write_durably(files, path, "new").ok());
    CHECK(weir::test::read_text(path) == "old");
    CHECK(files.list(directory.string()).value() == std::vector<std::string>{"pointer"});
  }
}

TEST_CASE("durable_file: a directory that cannot be synced is an error, with the new file in place") {
  TemporaryDirectory directory;
  FailingFileSystem files;
  files.step = "sync_directory";
  std::string path = directory.string() + "/pointer";
  CHECK_FALSE(write_durably(files, path, "new").ok());
  CHECK(weir::test::read_text(path) == "new");
}

TEST_CASE("durable_file: the directory of the file is synced last") {
  TemporaryDirectory directory;
  FailingFileSystem files;
  REQUIRE(write_durably(files, directory.string() + "/a", "x").ok());
  CHECK(files.steps == std::vector<std::string>{"create", "rename", "sync_directory " + directory.string()});
}

TEST_CASE("durable_file: a file is published once and not after a failed append") {
  TemporaryDirectory directory;
  FailingFileSystem files;
  auto file = DurableFile::create(files, directory.string() + "/a");
  REQUIRE(file.ok());
  REQUIRE(file->publish().ok());
  CHECK_FALSE(file->publish().ok());
  CHECK_FALSE(file->append("x").ok());
  files.step = "append";
  auto broken = DurableFile::create(files, directory.string() + "/b");
  REQUIRE(broken.ok());
  CHECK_FALSE(broken->append("x").ok());
  CHECK_FALSE(broken->publish().ok());
  CHECK_FALSE(std::filesystem::exists(directory.path() / "b"));
}

TEST_CASE("durable_file: what killed processes left is removed, and nothing else") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  std::string digits(32, 'a');
  directory.write("a.inprogress." + digits, "");
  const std::vector<std::string> others = {"a",
                                           ".inprogress." + digits,
                                           "a.inprogress.",
                                           "a.inprogress.xyz",
                                           "a.inprogress." + digits + "0",
                                           "a.inprogress." + std::string(32, 'g')};
  for (const std::string& name : others) {
    directory.write(name, "");
    CHECK_FALSE(weir::is_unfinished(name));
  }
  CHECK(remove_unfinished(files, directory.string()).value() == 1);
  CHECK(files.list(directory.string())->size() == 6);
  CHECK_FALSE(remove_unfinished(files, directory.string() + "/none").ok());
}

TEST_CASE("local_file_system: errors name the path, the reason and their kind") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  std::string absent = directory.string() + "/absent";
  CHECK(files.open(absent).error().code == ErrorCode::not_found);
  CHECK(files.open(absent).error().message == "cannot open " + absent + ": No such file or directory");
  CHECK(files.open(directory.string()).error().message.find("Is a directory") != std::string::npos);
  CHECK_FALSE(files.open("/dev/null").ok());
  CHECK(files.list(absent).error().code == ErrorCode::not_found);
  CHECK(files.remove(absent).error().code == ErrorCode::not_found);
  CHECK(files.rename(absent, absent + "2").error().code == ErrorCode::not_found);
  CHECK(files.sync_directory(absent).error().code == ErrorCode::not_found);
  std::string there = directory.write("there", "x").string();
  CHECK(files.create(there).error().code == ErrorCode::already_exists);
  CHECK_FALSE(files.make_directories(there).ok());
  CHECK_FALSE(files.make_directories(there + "/below").ok());
  REQUIRE(files.make_directories(directory.string() + "/a/b").ok());
  CHECK(files.make_directories(directory.string() + "/a/b").ok());
  CHECK_FALSE(files.remove(directory.string() + "/a").ok());
}

TEST_CASE("local_file_system: reads are by offset, short only at the end") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  auto file = files.open(directory.write("f", "0123456789").string());
  REQUIRE(file.ok());
  std::string four(4, '\0');
  CHECK((*file)->read_at(2, four).value() == 4);
  CHECK(four == "2345");
  CHECK((*file)->read_at(8, four).value() == 2);
  CHECK((*file)->read_at(100, four).value() == 0);
  CHECK((*file)->size().value() == 10);
}

TEST_CASE("local_file_system: a file larger than the limit is not read whole") {
  TemporaryDirectory directory;
  LocalFileSystem files;
  std::string path = directory.write("f", "0123456789").string();
  CHECK(read_whole(files, path, 10).value() == "0123456789");
  CHECK(read_whole(files, path, 9).error().code == ErrorCode::resource_exhausted);
  CHECK(read_whole(files, path + "x", 9).error().code == ErrorCode::not_found);
}
