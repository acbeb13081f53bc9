// Files that come, change and go while a source reads.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/unit/connectors/files/compress.h"
#include "tests/unit/connectors/read_all.h"
#include "weir/connectors/files.h"

using namespace weir;
using namespace weir::connectors;
using namespace std::chrono_literals;
using weir::test::joined;
using weir::test::lines;
using weir::test::read_all;
using weir::test::Reader;
using weir::test::TemporaryDirectory;
using weir::test::operator/;

namespace {

using Lines = std::vector<std::string>;

FileSource<std::string> text_source(const std::string& path) { return {path, raw_format()}; }
FileSource<std::string> watch(const std::string& path) { return text_source(path).monitor_interval(1s); }

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

}  // namespace

TEST_CASE("file discovery: a source that looks for new files waits, reads them once, and never ends") {
  TemporaryDirectory directory;
  const auto source = watch(directory.string());
  CHECK_FALSE(source.bounded());
  Reader<std::string> reader(source);
  const Progress empty = reader.poll();
  CHECK(empty.kind == Progress::Kind::blocked);
  CHECK(empty.wake_at_ms == 1000);
  directory.write("a", "1\n2\n");
  CHECK(reader.poll().kind == Progress::Kind::blocked);
  CHECK(reader.take().empty());
  reader.context.clock_ms = 1000;
  const Progress next = reader.poll();
  CHECK(next.kind == Progress::Kind::blocked);
  CHECK(next.wake_at_ms == 2000);
  CHECK(reader.take() == Lines{"1", "2"});
  directory.write("b", "3\n");
  directory.write("c.gz", weir::test::gzip("4\n"));
  directory.write(".d", "no\n");
  directory.write("e.inprogress.0123456789abcdef0123456789abcdef", "no\n");
  reader.context.clock_ms = 2500;
  CHECK(reader.poll().wake_at_ms == 3500);
  CHECK(reader.take() == Lines{"3", "4"});
  reader.context.clock_ms = 3500;
  reader.poll();
  CHECK(reader.take().empty());
  CHECK(reader.error == "");
}

TEST_CASE("file discovery: what a restored source has read it does not read again, and what came meanwhile it does") {
  TemporaryDirectory directory;
  const auto expected = lines(9000);
  directory.write("a", joined(expected));
  directory.write("b", "b\n");
  Reader<std::string> first(watch(directory.string()).split_bytes(50'000));
  for (int i = 0; i < 4; ++i) first.poll_once();
  Lines records = first.take();
  const std::string state = first.snapshot();
  directory.write("c", "c\n");
  Reader<std::string> second(watch(directory.string()).split_bytes(50'000), state);
  CHECK(second.poll().kind == Progress::Kind::blocked);
  const Lines rest = second.take();
  records.insert(records.end(), rest.begin(), rest.end());
  Lines all = expected;
  all.insert(all.end(), {"b", "c"});
  CHECK(records == all);

  Reader<std::string> third(watch(directory.string()).split_bytes(50'000), second.snapshot());
  third.poll();
  CHECK(third.take().empty());
  CHECK(third.error == "");
}

TEST_CASE("file discovery: several subtasks share what is new") {
  TemporaryDirectory directory;
  directory.write("first", "0\n");
  std::size_t read = 0;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    weir::test::FakeOperatorContext context(subtask, 3);
    weir::test::RowOutput<std::string> output([&](const std::string&) { ++read; });
    const auto reader = watch(directory.string()).make_reader();
    REQUIRE(reader->open(context).ok());
    while (reader->poll(output)->kind == Progress::Kind::more) {
    }
    for (int i = 0; i < 50; ++i) directory.write("more" + std::to_string(i), "x\n");
    context.clock_ms = 1000;
    while (reader->poll(output)->kind == Progress::Kind::more) {
    }
    reader->close();
  }
  CHECK(read == 51);
}

TEST_CASE(
    "file discovery: a file that is removed before it is begun is passed over, a new one under its name is read") {
  TemporaryDirectory directory;
  directory.write("a", "a\n");
  directory.write("b", "b\n");
  Reader<std::string> reader(watch(directory.string()));
  std::filesystem::remove(directory / "b");
  reader.poll();
  CHECK(reader.take() == Lines{"a"});
  CHECK(reader.error == "");
  CHECK(reader.context.lines.back().find("passed over: cannot open " + (directory / "b")) == 0);
  std::filesystem::remove(directory / "a");
  reader.context.clock_ms = 1000;
  reader.poll();
  directory.write("a", "new\n");
  reader.context.clock_ms = 2000;
  reader.poll();
  CHECK(reader.take() == Lines{"new"});
}

TEST_CASE("file discovery: the state forgets files that are read and removed") {
  TemporaryDirectory directory;
  for (int i = 0; i < 100; ++i) directory.write("a" + std::to_string(i), "x\n");
  Reader<std::string> reader(watch(directory.string()));
  reader.poll();
  CHECK(reader.take().size() == 100);
  const std::size_t before = reader.snapshot().size();
  for (int i = 0; i < 99; ++i) std::filesystem::remove(directory / ("a" + std::to_string(i)));
  reader.context.clock_ms = 1000;
  reader.poll();
  CHECK(reader.snapshot().size() < before / 20);
}

TEST_CASE("file discovery: a pattern may match nothing at first; a directory must be there, and must stay") {
  TemporaryDirectory directory;
  Reader<std::string> pattern(watch(directory / "*.log"));
  CHECK(pattern.poll().kind == Progress::Kind::blocked);
  directory.write("a.log", "a\n");
  directory.write("a.txt", "no\n");
  pattern.context.clock_ms = 1000;
  pattern.poll();
  CHECK(pattern.take() == Lines{"a"});

  CHECK(Reader<std::string>(watch(directory / "none")).error == "there is no file " + (directory / "none"));
  std::filesystem::create_directory(directory / "inner");
  Reader<std::string> gone(watch(directory / "inner"));
  gone.poll();
  CHECK(gone.error == "");
  std::filesystem::remove(directory / "inner");
  gone.context.clock_ms = 1000;
  gone.poll();
  CHECK(gone.error == "there is no file " + (directory / "inner"));
}

TEST_CASE("file discovery: an interval that is none is refused while the job is built") {
  for (const auto interval : {0ms, -1ms})
    CHECK_THROWS_WITH(text_source("/a").monitor_interval(interval),
                      doctest::Contains("the monitor interval must be a millisecond or more"));
  CHECK(text_source("/a").bounded());
}

TEST_CASE("file source: what is appended to a file while it is read is not read, in part or whole") {
  TemporaryDirectory directory;
  const auto expected = lines(9000);
  const std::string path = directory.write("a", joined(expected));
  for (const bool monitor : {false, true}) {
    Reader<std::string> reader(monitor ? watch(path) : text_source(path));
    reader.poll_once();
    append(path, "more\nof it");
    reader.poll();
    reader.context.clock_ms = 1000;
    reader.poll();
    CHECK(reader.take() == expected);
    CHECK(reader.error == "");
    std::filesystem::resize_file(path, joined(expected).size());
  }
}

TEST_CASE("file source: a file that is renamed or removed while it is read is read to its end") {
  TemporaryDirectory directory;
  const auto expected = lines(9000);
  const std::string path = directory.write("a", joined(expected));
  Reader<std::string> renamed(text_source(path));
  renamed.poll_once();
  std::filesystem::rename(path, directory / "b");
  renamed.poll();
  CHECK(renamed.take() == expected);
  Reader<std::string> removed(text_source(directory / "b"));
  removed.poll_once();
  std::filesystem::remove(directory / "b");
  removed.poll();
  CHECK(removed.take() == expected);
}

namespace {

/// Two versions of a log; of the same length when `bytes` is 0, else longer or shorter by about so much.
std::string other_version(std::size_t lines_count, long bytes) {
  std::string text = joined(lines(static_cast<int>(lines_count)));
  for (char& c : text) {
    if (c == 'x') c = 'y';
    if (c == 'l') c = 'L';
  }
  if (bytes > 0) text += std::string(static_cast<std::size_t>(bytes), 'z') + "\n";
  if (bytes < 0) text.resize(text.size() - static_cast<std::size_t>(-bytes));
  return text;
}

}  // namespace

TEST_CASE("file rotation: a log that is renamed, with a new one under its name, is read to its end, and only it") {
  const auto expected = lines(9000);
  for (const long bytes : {-100'000L, 0L, 500'000L}) {
    TemporaryDirectory directory;
    const std::string path = directory.write("slow.log", joined(expected));
    Reader<std::string> reader(text_source(path).split_bytes(20'000));
    reader.poll_once();
    std::filesystem::rename(path, directory / "slow.log.1");
    directory.write("slow.log", other_version(9000, bytes));
    reader.poll();
    CAPTURE(bytes);
    CHECK(reader.error == "");
    CHECK(reader.take() == expected);
  }
}

TEST_CASE("file rotation: a log that is replaced before its first split is begun fails the task") {
  for (const long bytes : {-100'000L, 0L, 500'000L}) {
    TemporaryDirectory directory;
    const std::string path = directory.write("slow.log", joined(lines(9000)));
    Reader<std::string> reader(text_source(path).split_bytes(20'000));
    directory.write("next", other_version(9000, bytes));
    std::filesystem::rename(directory / "next", path);
    reader.poll();
    CHECK(reader.take().empty());
    CHECK(reader.error.find(path + " was replaced by another file before this one was read to its end") == 0);
  }
}

TEST_CASE("file rotation: a log that is copied and cut back fails the task, also when it has grown again") {
  const auto expected = lines(9000);
  for (const std::uint64_t split : {20'000u, 16u << 20}) {
    for (const long bytes : {-200'000L, -100'000L, 0L, 500'000L}) {
      TemporaryDirectory directory;
      const std::string path = directory.write("slow.log", joined(expected));
      Reader<std::string> reader(text_source(path).split_bytes(split));
      reader.poll_once();
      // Written into the same file, as `copytruncate` and `>` do.
      std::filesystem::resize_file(path, 0);
      append(path, other_version(9000, bytes));
      reader.poll();
      CAPTURE(split);
      CAPTURE(bytes);
      CHECK(reader.take().size() < expected.size() + 1);
      CHECK(reader.error.find(path) == 0);
      CHECK_MESSAGE((reader.error.find("cut back") != std::string::npos ||
                     reader.error.find("was written anew") != std::string::npos),
                    reader.error);
    }
  }
}

TEST_CASE("file rotation: a log that is cut back to nothing between two splits is no silent end") {
  TemporaryDirectory directory;
  const std::string path = directory.write("slow.log", joined(lines(9000)));
  Reader<std::string> reader(text_source(path).split_bytes(20'000));
  reader.poll_once();
  std::filesystem::resize_file(path, 0);
  reader.poll();
  CHECK(reader.error.find("cut back") != std::string::npos);
}

TEST_CASE(
    "file rotation: between a snapshot and its restore a log may be copied to its place, but not be another one") {
  TemporaryDirectory directory;
  const auto expected = lines(9000);
  const std::string path = directory.write("slow.log", joined(expected));
  Reader<std::string> reader(text_source(path).split_bytes(50'000));
  reader.poll_once();
  Lines records = reader.take();
  const std::string state = reader.snapshot();
  directory.write("copy", joined(expected));
  std::filesystem::rename(directory / "copy", path);
  Reader<std::string> again(text_source(path).split_bytes(50'000), state);
  again.poll();
  CHECK(again.error == "");
  const Lines rest = again.take();
  records.insert(records.end(), rest.begin(), rest.end());
  CHECK(records == expected);
  directory.write("other", other_version(9000, 0));
  std::filesystem::rename(directory / "other", path);
  Reader<std::string> other(text_source(path).split_bytes(50'000), state);
  other.poll();
  CHECK(other.take().empty());
  CHECK(other.error.find(path + " begins with something else than when it was read") == 0);
}

TEST_CASE("file source: a file that is removed before its turn, or may not be read, fails the task with its name") {
  TemporaryDirectory directory;
  directory.write("a", "a\n");
  const std::string path = directory.write("b", "b\n");
  Reader<std::string> reader(text_source(directory.string()));
  std::filesystem::remove(path);
  reader.poll();
  CHECK(reader.error == "cannot open " + path + ": No such file or directory");
  std::filesystem::create_symlink(path, directory / "c");
  CHECK(read_all(text_source(directory.string())).records == Lines{"a"});
  if (::geteuid() == 0) return;  // root may read everything
  directory.write("b", "b\n");
  ::chmod(path.c_str(), 0);
  CHECK(read_all(text_source(path)).error == "cannot open " + path + ": Permission denied");
}

TEST_CASE("file source: a file that becomes shorter while it is read fails the task") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a", joined(lines(30'000)));
  Reader<std::string> reader(text_source(path));
  reader.poll_once();
  std::filesystem::resize_file(path, 300'000);
  reader.poll();
  CHECK(reader.error.find(path + " had ") == 0);
  CHECK(reader.error.find("ends at byte 300000 now: it was cut back or replaced while it was read") !=
        std::string::npos);
}

TEST_CASE("file source: a restored reader refuses a file that is gone or shorter than it was read, and other splits") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a", joined(lines(30'000)));
  directory.write("b", "b\n");
  Reader<std::string> reader(text_source(directory.string()));
  for (int i = 0; i < 10; ++i) reader.poll_once();
  const std::string state = reader.snapshot();
  CHECK(Reader<std::string>(text_source(directory.string()).split_bytes(1000), state)
            .error.find("the file source's splits had 16777216 bytes when the snapshot was taken, and have 1000 now") ==
        0);
  for (const std::uint64_t bytes : {5000, 1000}) {
    std::filesystem::resize_file(path, bytes);
    Reader<std::string> shorter(text_source(directory.string()), state);
    shorter.poll();
    CHECK(shorter.error.find(path + " has " + std::to_string(bytes) + " bytes, but ") == 0);
  }
  std::filesystem::remove(path);
  for (const bool monitor : {false, true}) {
    CHECK(Reader<std::string>(monitor ? watch(directory.string()) : text_source(directory.string()), state)
              .error.find(path + " was read up to byte ") == 0);
  }
}

TEST_CASE("file source: a restored reader refuses a compressed file that holds less than it did") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a.gz", weir::test::gzip(joined(lines(30'000))));
  Reader<std::string> reader(text_source(path));
  for (int i = 0; i < 10; ++i) reader.poll_once();
  directory.write("a.gz", weir::test::gzip("short\n"));
  Reader<std::string> shorter(text_source(path), reader.snapshot());
  shorter.poll();
  CHECK(shorter.take().empty());
  CHECK(shorter.error.find(path + " has ") == 0);
  CHECK(shorter.error.find("cut back or replaced") != std::string::npos);
}

TEST_CASE("file source: many small files share blocks") {
  TemporaryDirectory directory;
  for (int i = 0; i < 1000; ++i)
    directory.write("f" + std::to_string(10'000 + i),
                    i % 10 == 0 ? "" : std::to_string(i) + (i % 2 == 0 ? "\r\n" : ""));
  Reader<std::string> reader(text_source(directory.string()).on_bad_record(OnBadRecord::skip));
  int polls = 0;
  while (reader.poll_once().kind == Progress::Kind::more) ++polls;
  Lines expected;
  for (int i = 0; i < 1000; ++i) {
    if (i % 10 != 0) expected.push_back(std::to_string(i));
  }
  CHECK(reader.take() == expected);
  CHECK(polls < 20);
}

TEST_CASE("file source: a bad record among many small files is named by its own file") {
  struct One {
    std::int32_t a = 0;
  };
  TemporaryDirectory directory;
  for (int i = 0; i < 200; ++i)
    directory.write("f" + std::to_string(1000 + i), i % 7 == 3   ? "{\"a\":1}\n{\"b\":\n"
                                                    : i % 7 == 4 ? ""
                                                                 : "{\"a\":2}\n\n\n");
  const auto reading =
      read_all(FileSource<One>(directory.string(), json_format()).on_bad_record(OnBadRecord::dead_letter));
  REQUIRE(reading.bad.size() == 29);
  for (int i = 0; i < 29; ++i)
    CHECK(reading.bad[static_cast<std::size_t>(i)].place ==
          (directory / ("f" + std::to_string(1003 + 7 * i))) + ":8..13");
}
