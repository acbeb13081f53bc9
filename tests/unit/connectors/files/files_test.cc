#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/connectors/read_all.h"
#include "weir/connectors/console.h"
#include "weir/connectors/files.h"
#include "weir/connectors/generator.h"
#include "weir/detail/collection_source.h"

using namespace weir;
using namespace weir::connectors;
using namespace std::chrono_literals;
using weir::test::FakeOperatorContext;
using weir::test::joined;
using weir::test::lines;
using weir::test::read_all;
using weir::test::RowOutput;
using weir::test::TemporaryDirectory;
using weir::test::operator/;

namespace {

struct Pair {
  std::int32_t a = 0;
  std::string b;
  bool operator==(const Pair&) const = default;
};

FileSource<std::string> text_source(const std::string& path) { return {path, raw_format()}; }

}  // namespace

TEST_CASE("file source: the lines of a file, with and without an end after the last one") {
  TemporaryDirectory directory;
  const auto expected = lines(5000);
  CHECK(read_all(text_source(directory.write("a", joined(expected)))).records == expected);
  CHECK(read_all(text_source(directory.write("b", joined(expected, "\r\n")))).records == expected);
  std::string open_end = joined(expected);
  open_end.pop_back();
  CHECK(read_all(text_source(directory.write("c", open_end))).records == expected);
  CHECK(read_all(text_source(directory.write("d", ""))).records.empty());
  CHECK(read_all(text_source(directory.write("e", "\n\nx\n\n"))).records == std::vector<std::string>{"x"});
}

TEST_CASE("file source: splits of any size and any number of subtasks read every record once") {
  TemporaryDirectory directory;
  auto expected = lines(400);
  const std::string path = directory.write("a.log", joined(expected));
  std::sort(expected.begin(), expected.end());
  for (const std::uint64_t split : {1, 7, 64, 1000, 5000, 100'000}) {
    for (const std::uint32_t subtasks : {1u, 2u, 5u}) {
      std::vector<std::string> records;
      for (std::uint32_t subtask = 0; subtask < subtasks; ++subtask) {
        for (auto& record : read_all(text_source(path).split_bytes(split), subtask, subtasks).records)
          records.push_back(record);
      }
      std::sort(records.begin(), records.end());
      CAPTURE(split);
      CAPTURE(subtasks);
      CHECK(records == expected);
    }
  }
}

TEST_CASE("file source: a directory's files, without hidden ones and parts in progress; a pattern's files") {
  TemporaryDirectory directory;
  directory.write("b.log", "b\n");
  directory.write("a.log", "a\n");
  directory.write("c.txt", "c\n");
  directory.write(".hidden", "no\n");
  directory.write("_SUCCESS", "no\n");
  directory.write("part-0-0.inprogress.0123456789abcdef0123456789abcdef", "no\n");
  std::filesystem::create_directory(directory / "inner");
  CHECK(read_all(text_source(directory.string())).records == std::vector<std::string>{"a", "b", "c"});
  CHECK(read_all(text_source(directory / "*.log")).records == std::vector<std::string>{"a", "b"});
  CHECK(read_all(text_source(directory / "[bc].*")).records == std::vector<std::string>{"b", "c"});
}

TEST_CASE("file source: the directories in a directory are read as well, hidden ones are not") {
  TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "2024/01");
  std::filesystem::create_directories(directory / ".old");
  std::filesystem::create_directories(directory / "_tmp/deep");
  std::filesystem::create_directories(directory / "empty");
  directory.write("a", "a\n");
  directory.write("2024/b", "b\n");
  directory.write("2024/01/c", "c\n");
  directory.write("2024/01/_d", "no\n");
  directory.write(".old/e", "no\n");
  directory.write("_tmp/deep/f", "no\n");
  CHECK(read_all(text_source(directory.string())).records == std::vector<std::string>{"c", "b", "a"});
  CHECK(read_all(text_source(directory / "20*")).records == std::vector<std::string>{"c", "b"});
  CHECK(read_all(text_source(directory / "empty")).records.empty());
  CHECK(read_all(text_source(directory / "empty")).error.empty());
}

TEST_CASE("file source: a link that leads back to its own directory is named") {
  TemporaryDirectory directory;
  directory.write("a", "a\n");
  std::filesystem::create_directory_symlink(directory.string(), directory / "again");
  CHECK(read_all(text_source(directory.string())).error.find("does a link in it lead back?") != std::string::npos);
}

TEST_CASE("file source: a byte order mark is no part of the first record, in any split and format") {
  TemporaryDirectory directory;
  const std::string mark = "\xEF\xBB\xBF";
  const std::string text = directory.write("a.txt", mark + "one\ntwo\n" + mark + "three\n");
  for (const std::uint64_t split : {1, 2, 3, 4, 1000}) {
    CAPTURE(split);
    CHECK(read_all(text_source(text).split_bytes(split)).records ==
          std::vector<std::string>{"one", "two", mark + "three"});
  }
  CHECK(read_all(text_source(directory.write("b.txt", mark))).records.empty());
  CHECK(read_all(text_source(directory.write("c.txt", mark + "\n"))).records.empty());
  const std::vector<Pair> expected{{1, "x"}, {2, "y"}};
  CHECK(read_all(FileSource<Pair>(directory.write("a.jsonl", mark + "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n"),
                                  json_format()))
            .records == expected);
  CHECK(read_all(FileSource<Pair>(directory.write("a.csv", mark + "\"1\",x\n2,y\n"), csv_format())).records ==
        expected);
  CHECK(read_all(FileSource<Pair>(directory.write("b.csv", mark + "b,a\nx,1\ny,2\n"), csv_format({.header = true})))
            .records == expected);
  CHECK(read_all(FileSource<Pair>(directory.write("c.csv", mark + "b,a\nx,1\ny,2\n"),
                                  csv_format({.header = true, .quotes_over_lines = false}))
                     .split_bytes(9))
            .records == expected);
}

TEST_CASE("file source: a quote in the middle of a csv field, or one that is never closed, costs its own line") {
  TemporaryDirectory directory;
  const std::string path = std::string(FIELD_CASES) + "/stray_quotes.csv";
  struct Row {
    std::int32_t number = 0;
    std::string text;
    std::int32_t count = 0;
    bool flag = false;
    bool operator==(const Row&) const = default;
  };
  FileSource<Row> source(path, csv_format());
  source.on_bad_record(OnBadRecord::dead_letter);
  const auto reading = read_all(source);
  CHECK(reading.records ==
        std::vector<Row>{
            {2, "bolt", 2, false}, {3, "washer", 9, true}, {5, "nail", 8, false}, {6, "two\nlines", 7, true}});
  REQUIRE(reading.bad.size() == 2);
  CHECK(reading.bad[0].bytes == "1,4\" pipe,3,true");
  CHECK(reading.bad[1].bytes == "4,\"never closed,1,true");
  CHECK(reading.bad[1].reason == "a quoted field is not closed");
}

TEST_CASE("file source: of csv rows with quotes in all places, the bad ones and no others are bad") {
  struct Kind {
    const char* row;
    bool good;
  };
  static constexpr Kind kKinds[] = {{"1,x", true},        {"1,\"x\"", true},        {"1,\"a,b\"", true},
                                    {"1,\"a\nb\"", true}, {"1,\"\"", true},         {"1,\"q\"\"q\"", true},
                                    {"1,\"\"\"\"", true}, {"1,\"\n\"\"\n\"", true}, {"1,5\" nail", false},
                                    {"1,x\"", false},     {"1,x\"y\"", false},      {"1,\"x\"y", false},
                                    {"1\",x", false},     {"1, \"x\"", false},      {"1,x,\"y\"z", false}};
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    std::string file;
    std::size_t good = 0, bad = 0;
    for (int i = 0; i < 1000; ++i) {
      const Kind& kind = kKinds[random() % std::size(kKinds)];
      file += std::string(kind.row) + (random() % 2 ? "\n" : "\r\n");
      ++(kind.good ? good : bad);
    }
    TemporaryDirectory directory;
    FileSource<Pair> source(directory.write("a.csv", file), csv_format());
    source.on_bad_record(OnBadRecord::skip);
    const auto reading = read_all(source);
    CAPTURE(seed);
    CHECK(reading.records.size() == good);
    CHECK(reading.bad_count == bad);
  }
}

TEST_CASE("file source: a csv field that is never closed costs its line, wherever it stands") {
  for (const int open_at : {0, 1, 500, 998, 999}) {
    for (const char* end : {"\n", "\r\n"}) {
      std::string file;
      for (int i = 0; i < 1000; ++i)
        file += i == open_at ? std::string("1,\"open") + end
                : i % 3      ? std::string("1,x") + end
                             : std::string("1,\"x\"") + end;
      TemporaryDirectory directory;
      FileSource<Pair> source(directory.write("a.csv", file), csv_format());
      source.on_bad_record(OnBadRecord::skip);
      const auto reading = read_all(source);
      CAPTURE(open_at);
      CHECK(reading.records.size() == 999);
      CHECK(reading.bad_count == 1);
    }
  }
}

TEST_CASE("file source: what is not there is named") {
  TemporaryDirectory directory;
  CHECK(read_all(text_source(directory / "none")).error == "there is no file " + (directory / "none"));
  CHECK(read_all(text_source("file://" + (directory / "none"))).error == "there is no file " + (directory / "none"));
  CHECK(read_all(text_source(directory / "*.none")).error == "no file matches " + (directory / "*.none"));
  CHECK(read_all(text_source("/dev/null")).error.find("/dev/null is neither a file nor a directory") == 0);
  CHECK_THROWS_WITH(text_source("relative/a.log"),
                    doctest::Contains("is relative, and client, planner and workers stand in different directories"));
  CHECK_THROWS_WITH(FileSource<Pair>("/a", raw_format()), doctest::Contains("the raw format has no fields"));
}

TEST_CASE("file source: bad records fail the task, are skipped, or are set aside with their bytes") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a.json", "{\"a\":1,\"b\":\"x\"}\n{\"a\":\n{\"a\":2,\"b\":\"y\"}\n");
  const std::vector<Pair> good{{1, "x"}, {2, "y"}};
  FileSource<Pair> source(path, json_format());
  const auto failed = read_all(source);
  CHECK(failed.error.find("bad record at " + path + ":16..21: the JSON is malformed") == 0);
  const auto skipped = read_all(source.on_bad_record(OnBadRecord::skip));
  CHECK(skipped.records == good);
  CHECK(skipped.bad_count == 1);
  CHECK(skipped.bad.empty());
  const auto aside = read_all(source.on_bad_record(OnBadRecord::dead_letter));
  CHECK(aside.records == good);
  REQUIRE(aside.bad.size() == 1);
  CHECK(aside.bad[0].bytes == "{\"a\":");
  CHECK(aside.bad[0].place == path + ":16..21");
  CHECK(aside.bad[0].source == "Files: " + path);
}

TEST_CASE("file source: a bad record that is too long for the job keeps as many bytes as fit, and says so") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a.json", std::string(18'000'000, 'x') + "\n{\"a\":1,\"b\":\"x\"}\n");
  FileSource<Pair> source(path, json_format());
  source.on_bad_record(OnBadRecord::dead_letter).record_bytes_max(20'000'000);
  const auto reading = read_all(source);
  CHECK(reading.records == std::vector<Pair>{{1, "x"}});
  REQUIRE(reading.bad.size() == 1);
  const std::size_t record_bytes_max = FakeOperatorContext(0, 1).record_bytes_max();
  CHECK(reading.bad[0].bytes.size() > record_bytes_max - 1000);
  CHECK(reading.bad[0].bytes.size() < record_bytes_max);
  CHECK(reading.bad[0].reason.find("(cut: the record has 18000000 bytes)") != std::string::npos);
}

TEST_CASE("file source: text in UTF-16 is a bad record that names the encoding") {
  TemporaryDirectory directory;
  std::string file = "\xFF\xFE";
  for (const char c : std::string("{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n")) file += c, file += '\0';
  FileSource<Pair> source(directory.write("a.json", file), json_format());
  source.on_bad_record(OnBadRecord::dead_letter);
  const auto reading = read_all(source);
  CHECK(reading.records.empty());
  // The last newline's second byte is a line of its own.
  REQUIRE(reading.bad.size() == 3);
  for (std::size_t i = 0; i < 2; ++i) CHECK(reading.bad[i].reason.find("it looks like UTF-16") != std::string::npos);
}

TEST_CASE("file source: a rate holds records back, and a reader that is restored meanwhile misses none") {
  TemporaryDirectory directory;
  const auto expected = lines(300);
  auto source = text_source(directory.write("a.log", joined(expected))).max_rate(100);
  std::vector<std::string> records;
  RowOutput<std::string> output([&](const std::string& record) { records.push_back(record); });
  std::string state;
  std::int64_t last_ms = 0;
  for (bool finished = false; !finished;) {
    FakeOperatorContext context;
    const auto reader = source.make_reader();
    std::optional<taskmanager::RestoredOperator> restored;
    if (!state.empty()) context.restored_state = &restored.emplace(weir::test::restored_from({state}));
    REQUIRE(reader->open(context).ok());
    for (int polls = 0; polls < 100 && !finished; ++polls) {
      const Result<Progress> progress = reader->poll(output);
      REQUIRE(progress.ok());
      finished = progress->kind == Progress::Kind::finished;
      if (progress->kind == Progress::Kind::blocked) context.clock_ms = progress->wake_at_ms;
    }
    last_ms += context.clock_ms;
    state = weir::test::save(*reader);
    reader->close();
  }
  CHECK(records == expected);
  CHECK(last_ms > 2700);
  CHECK(last_ms <= 3000);
}

TEST_CASE("file source: a record over the limit is a bad record, and the next one is whole") {
  TemporaryDirectory directory;
  const std::string path =
      directory.write("a", "before\n" + std::string(1'500'000, 'x') + "\nafter\n" + std::string(3000, 'y') + "\nend");
  const auto reading = read_all(text_source(path).record_bytes_max(1000).on_bad_record(OnBadRecord::dead_letter));
  CHECK(reading.records == std::vector<std::string>{"before", "after", "end"});
  REQUIRE(reading.bad.size() == 2);
  CHECK(reading.bad[0].bytes == std::string(1000, 'x'));
  CHECK(reading.bad[0].reason == "the record is longer than 1000 bytes");
  CHECK(reading.bad[1].bytes == std::string(1000, 'y'));
}

TEST_CASE("file source: csv with quotes over lines and a header is read by one subtask") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a.csv", "b,a\n\"x\ny\",1\nz,2\n");
  const std::vector<Pair> expected{{1, "x\ny"}, {2, "z"}};
  std::vector<Pair> records;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    for (auto& record :
         read_all(FileSource<Pair>(path, csv_format({.header = true})).split_bytes(3), subtask, 3).records)
      records.push_back(record);
  }
  CHECK(records == expected);
}

TEST_CASE("file source: every split of a csv file knows the header") {
  TemporaryDirectory directory;
  std::string text = "b,a\n";
  for (int i = 0; i < 100; ++i) text += "x," + std::to_string(i) + "\n";
  const std::string path = directory.write("a.csv", text);
  const auto reading =
      read_all(FileSource<Pair>(path, csv_format({.header = true, .quotes_over_lines = false})).split_bytes(50));
  REQUIRE(reading.records.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(reading.records[static_cast<std::size_t>(i)] == Pair{i, "x"});
  CHECK(read_all(FileSource<Pair>(directory.write("b.csv", "b,c\nx,1\n"), csv_format({.header = true}))).error ==
        "the header of the CSV file has no column 'a'");
}

TEST_CASE("file source: a reader that is restored goes on where the snapshot was taken") {
  TemporaryDirectory directory;
  const auto expected = lines(5000);
  const std::string path = directory.write("a.log", joined(expected));
  for (const std::uint64_t split : {500u, 20'000u, 1u << 20}) {
    for (int polls = 1; polls < 8; ++polls) {
      std::string state;
      auto records = read_all(text_source(path).split_bytes(split), 0, 1, &state, polls).records;
      for (auto& record : read_all(text_source(path).split_bytes(split), 0, 1, &state).records)
        records.push_back(record);
      CAPTURE(split);
      CAPTURE(polls);
      CHECK(records == expected);
    }
  }
}

TEST_CASE("file source: a position that is cut off is refused") {
  TemporaryDirectory directory;
  const std::string path = directory.write("a.log", "a\nb\n");
  taskmanager::OperatorState state;
  {
    std::string bytes;
    read_all(text_source(path), 0, 1, &bytes);
    state = taskmanager::decode_operator_state(bytes).value();
  }
  REQUIRE(state.positions.size() == 1);
  const std::string position = state.positions[0].position;
  for (std::size_t size = 0; size < position.size(); ++size) {
    state.positions[0].position = position.substr(0, size);
    weir::test::Reader<std::string> reader(text_source(path), taskmanager::encode_operator_state(state));
    CHECK(reader.error == "the file source's state is damaged");
  }
}

namespace {

/// Runs a file sink over these records and tells what went wrong.
std::string write_all(const FileSink<Pair>& sink, const std::vector<Pair>& records, std::uint32_t subtask = 0,
                      bool finish = true) {
  FakeOperatorContext context(subtask, 4);
  RowOutput<Pair> nowhere([](const Pair&) {});
  const auto writer = sink.make_writer();
  Result<void> opened = writer->open(context);
  if (!opened.ok()) return opened.error().message;
  weir::test::feed(*writer, context, records, nowhere);
  if (finish) writer->end_of_input(0);
  Result<Progress> ready = writer->ready(nowhere);
  writer->close();
  return ready.ok() ? "" : ready.error().message;
}

std::set<std::string> names(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("file sink: parts appear whole under their names, and numbers go on behind earlier parts") {
  TemporaryDirectory directory;
  const std::string out = directory / "deep/out";
  FileSink<Pair> sink(out, json_format());
  CHECK(write_all(sink, {{1, "x"}, {2, "y"}}, 2) == "");
  CHECK(names(out) == std::set<std::string>{"part-2-0"});
  CHECK(weir::test::read_text(out + "/part-2-0") == "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
  CHECK(write_all(sink.suffix(".json"), {{3, "z"}}, 2) == "");
  CHECK(write_all(sink, {}, 1) == "");
  CHECK(names(out) == std::set<std::string>{"part-2-0", "part-2-1.json"});
}

TEST_CASE("file sink: what was not finished leaves nothing behind") {
  TemporaryDirectory directory;
  const std::string out = directory / "out";
  CHECK(write_all(FileSink<Pair>(out, json_format()), {{1, "x"}}, 0, false) == "");
  CHECK(names(out).empty());
}

TEST_CASE("file sink: a part that is full is published and the next one begins with the header again") {
  TemporaryDirectory directory;
  const std::string out = directory / "out";
  std::vector<Pair> records;
  for (int i = 0; i < 1000; ++i) records.push_back({i, std::string(1000, 'x')});
  CHECK(write_all(FileSink<Pair>(out, csv_format({.header = true})).rolling_policy({.file_bytes = 300'000}), records) ==
        "");
  CHECK(names(out).size() == 4);
  std::vector<Pair> back = read_all(FileSource<Pair>(out, csv_format({.header = true}))).records;
  std::sort(back.begin(), back.end(), [](const Pair& one, const Pair& other) { return one.a < other.a; });
  CHECK(back == records);
}

TEST_CASE("file sink: a directory that cannot be made is named") {
  TemporaryDirectory directory;
  const std::string file = directory.write("file", "x");
  CHECK(write_all(FileSink<Pair>(file + "/out", json_format()), {{1, "x"}}).find(file) != std::string::npos);
  CHECK_THROWS_WITH(FileSink<Pair>("out", json_format()),
                    doctest::Contains("is relative, and client, planner and workers stand in different directories"));
}

namespace {

/// A file sink's writer under way, whose clock the test moves and whose timers it fires.
struct Writing {
  explicit Writing(const FileSink<Pair>& sink) : writer(sink.make_writer()) { REQUIRE(writer->open(context).ok()); }
  ~Writing() { writer->close(); }
  std::string write(const Pair& record) {
    weir::test::feed(*writer, context, std::vector<Pair>{record}, nowhere);
    return ready();
  }
  std::string ready() {
    const Result<Progress> progress = writer->ready(nowhere);
    return progress.ok() ? "" : progress.error().message;
  }
  std::string pass_to(std::int64_t now_ms) {
    for (context.clock_ms = now_ms;;) {
      const auto due =
          std::find_if(context.wakes.begin(), context.wakes.end(), [&](std::int64_t at_ms) { return at_ms <= now_ms; });
      if (due == context.wakes.end()) return ready();
      const std::int64_t at_ms = *due;
      context.wakes.erase(due);
      writer->on_timer(at_ms);
    }
  }

  FakeOperatorContext context{0, 1};
  RowOutput<Pair> nowhere{[](const Pair&) {}};
  std::unique_ptr<Operator> writer;
};

/// Names that others see.
std::set<std::string> visible(const std::string& directory) {
  std::set<std::string> visible;
  for (const std::string& name : names(directory)) {
    if (!name.starts_with('.')) visible.insert(name);
  }
  return visible;
}

}  // namespace

TEST_CASE("file sink: a part in progress is hidden, also from a source, until it is whole") {
  TemporaryDirectory directory;
  Writing writing(FileSink<Pair>(directory.string(), json_format()));
  CHECK(names(directory.string()).empty());
  CHECK(writing.write({1, "x"}) == "");
  CHECK(names(directory.string()).size() == 1);
  CHECK(names(directory.string()).begin()->starts_with(".part-0-0.inprogress."));
  CHECK(read_all(FileSource<Pair>(directory.string(), json_format())).records.empty());
  writing.writer->end_of_input(0);
  CHECK(names(directory.string()) == std::set<std::string>{"part-0-0"});
}

namespace {

/// A checkpoint of a file sink: what it notes. The part that runs on the snapshot pool has run when this returns.
std::string checkpoint(Writing& writing, std::uint64_t id) {
  const Result<Progress> prepared = writing.writer->prepare_snapshot(id, writing.nowhere);
  REQUIRE(prepared.ok());
  CHECK(prepared->kind == Progress::Kind::more);
  taskmanager::OperatorSnapshotBuilder builder(id);
  REQUIRE(writing.writer->snapshot(builder).ok());
  taskmanager::OperatorSnapshot snapshot = builder.take();
  struct Nowhere final : KeyGroupWriter {
    Result<void> begin_state(const KeyedStateSchema&) override { return {}; }
    Result<void> write(std::uint32_t, std::string_view) override { return {}; }
  } nowhere;
  for (const auto& work : snapshot.works) REQUIRE(work->run(nowhere).ok());
  return taskmanager::encode_operator_state(snapshot.state);
}

}  // namespace

TEST_CASE("file sink: a checkpoint hides the part that it ends until it is complete") {
  TemporaryDirectory directory;
  Writing writing(FileSink<Pair>(directory.string(), json_format()));
  writing.write({1, "x"});
  checkpoint(writing, 1);
  CHECK(visible(directory.string()).empty());
  writing.write({2, "y"});
  checkpoint(writing, 2);
  CHECK(writing.writer->checkpoint_completed(1).ok());
  CHECK(visible(directory.string()) == std::set<std::string>{"part-0-0"});
  writing.writer->checkpoint_aborted(2);
  checkpoint(writing, 3);
  CHECK(visible(directory.string()) == std::set<std::string>{"part-0-0"});
  CHECK(writing.writer->checkpoint_completed(3).ok());
  CHECK(visible(directory.string()) == std::set<std::string>{"part-0-0", "part-0-1"});
  CHECK(names(directory.string()).size() == 2);
  writing.write({3, "z"});
  writing.writer->end_of_input(0);
  CHECK(writing.ready() == "");
  CHECK(read_all(FileSource<Pair>(directory.string(), json_format())).records ==
        std::vector<Pair>{{1, "x"}, {2, "y"}, {3, "z"}});
}

TEST_CASE("file sink: at the end of input parts that wait for a checkpoint are published") {
  TemporaryDirectory directory;
  Writing writing(FileSink<Pair>(directory.string(), json_format()));
  writing.write({1, "x"});
  checkpoint(writing, 1);
  writing.writer->end_of_input(0);
  CHECK(writing.ready() == "");
  CHECK(names(directory.string()) == std::set<std::string>{"part-0-0"});
}

TEST_CASE("file sink: what a restored checkpoint holds is published, what came after it is not") {
  TemporaryDirectory directory;
  const FileSink<Pair> sink(directory.string(), json_format());
  std::string state;
  {
    Writing writing(sink);
    writing.write({1, "x"});
    state = checkpoint(writing, 1);
    writing.write({2, "lost and written again"});
  }
  CHECK(visible(directory.string()).empty());
  for (int round = 0; round < 2; ++round) {
    taskmanager::RestoredOperator restored = weir::test::restored_from({state});
    FakeOperatorContext context(0, 1);
    context.restored_state = &restored;
    const auto writer = sink.make_writer();
    REQUIRE(writer->open(context).ok());
    writer->close();
    // The second time it is there already.
    CHECK(names(directory.string()) == std::set<std::string>{"part-0-0"});
  }
  std::filesystem::remove(directory / "part-0-0");
  taskmanager::RestoredOperator restored = weir::test::restored_from({state});
  FakeOperatorContext context(0, 1);
  context.restored_state = &restored;
  const auto writer = sink.make_writer();
  CHECK(writer->open(context).error().message.find("a part that belongs to the checkpoint cannot be published") == 0);
}

TEST_CASE("file sink: a part that another subtask is still to publish keeps its number") {
  TemporaryDirectory directory;
  const FileSink<Pair> sink(directory.string(), json_format());
  {
    Writing writing(sink);
    writing.write({1, "x"});
    checkpoint(writing, 1);
  }
  Writing next(sink);
  next.write({2, "y"});
  next.writer->end_of_input(0);
  CHECK(visible(directory.string()) == std::set<std::string>{"part-0-1"});
}

TEST_CASE("file sink: a part is published when its first record is as old as the policy says, however busy it is") {
  TemporaryDirectory directory;
  Writing writing(FileSink<Pair>(directory.string(), json_format())
                      .rolling_policy({.rollover_interval = 10s, .inactivity_interval = 0s}));
  writing.pass_to(5'000);
  for (int i = 0; i < 25; ++i) {
    CHECK(writing.write({i, "x"}) == "");
    CHECK(writing.pass_to(5'000 + 1'000 * (i + 1)) == "");
    CHECK(visible(directory.string()).size() == static_cast<std::size_t>((i + 1) / 10));
    CHECK(writing.context.wakes.size() <= 1);
  }
  CHECK(writing.pass_to(1'000'000) == "");
  CHECK(visible(directory.string()).size() == 3);
  CHECK(read_all(FileSource<Pair>(directory.string(), json_format())).records.size() == 25);
}

TEST_CASE("file sink: a part to which nothing is added is published, one to which something is added is not") {
  TemporaryDirectory directory;
  Writing writing(FileSink<Pair>(directory.string(), json_format())
                      .rolling_policy({.rollover_interval = 0s, .inactivity_interval = 10s}));
  for (int i = 0; i < 5; ++i) {
    CHECK(writing.write({i, "x"}) == "");
    CHECK(writing.pass_to(9'000 * (i + 1)) == "");
    CHECK(visible(directory.string()).empty());
  }
  CHECK(writing.pass_to(36'000 + 10'001) == "");
  CHECK(visible(directory.string()) == std::set<std::string>{"part-0-0"});
  CHECK(writing.context.wakes.empty());
  CHECK(writing.pass_to(1'000'000) == "");
  CHECK(names(directory.string()).size() == 1);
}

TEST_CASE("file sink: without intervals time publishes nothing; Flink's are the default") {
  TemporaryDirectory directory;
  Writing never(FileSink<Pair>(directory / "never", json_format())
                    .rolling_policy({.rollover_interval = 0s, .inactivity_interval = 0s}));
  CHECK(never.write({1, "x"}) == "");
  CHECK(never.pass_to(1'000'000'000) == "");
  CHECK(visible(directory / "never").empty());
  Writing usual(FileSink<Pair>(directory / "usual", json_format()));
  CHECK(usual.write({1, "x"}) == "");
  CHECK(usual.pass_to(59'999) == "");
  CHECK(visible(directory / "usual").empty());
  CHECK(usual.pass_to(60'000) == "");
  CHECK(visible(directory / "usual").size() == 1);
}

TEST_CASE("file sink: a part that cannot be begun, or published, fails the task, at a timer as well") {
  TemporaryDirectory directory;
  Writing begun(FileSink<Pair>(directory / "begun", json_format()));
  std::filesystem::remove(directory / "begun");
  CHECK(begun.write({1, "x"}).find("cannot create " + (directory / "begun/.part-0-0.inprogress.")) == 0);
  CHECK(begun.write({2, "x"}) != "");
  Writing published(FileSink<Pair>(directory / "published", json_format()));
  CHECK(published.write({1, "x"}) == "");
  std::filesystem::remove_all(directory / "published");
  CHECK(published.pass_to(60'000).find("cannot rename") == 0);
  // A directory stands where the part should go.
  Writing taken(FileSink<Pair>(directory / "taken", json_format()));
  std::filesystem::create_directories(directory / "taken/part-0-0/inner");
  CHECK(taken.write({1, "x"}) == "");
  CHECK(taken.pass_to(60'000).find("cannot rename") == 0);
  taken.writer->close();
  CHECK(names(directory / "taken") == std::set<std::string>{"part-0-0"});
}

TEST_CASE("file sink: a policy that makes no sense is refused while the job is built") {
  CHECK_THROWS_WITH(FileSink<Pair>("/a", json_format()).rolling_policy({.file_bytes = 0}),
                    doctest::Contains("file sink to /a: the rolling policy's file_bytes must be a byte or more"));
  CHECK_THROWS_WITH(FileSink<Pair>("/a", json_format()).rolling_policy({.rollover_interval = -1ms}),
                    doctest::Contains("the rolling policy's intervals must be"));
  CHECK_THROWS_WITH(FileSink<Pair>("/a", json_format()).rolling_policy({.inactivity_interval = -1ms}),
                    doctest::Contains("the rolling policy's intervals must be"));
}

TEST_CASE("generator: any parallelism makes the same records") {
  const auto make = [](std::uint64_t n) {
    return Pair{static_cast<std::int32_t>(random_below(random_word(42, n), 1000)), std::to_string(n)};
  };
  const auto source = generate<Pair>(make, {.records = 3000});
  CHECK(source.bounded());
  const auto alone = read_all(source).records;
  REQUIRE(alone.size() == 3000);
  std::vector<Pair> together(3000);
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    const auto part = read_all(source, subtask, 3).records;
    REQUIRE(part.size() == 1000);
    for (std::size_t i = 0; i < part.size(); ++i) together[i * 3 + subtask] = part[i];
  }
  CHECK(together == alone);
}

namespace {

/// Reads `polls` blocks in each of `subtasks` subtasks, from what all of the last run have saved; returns what they
/// save.
template <class T>
std::vector<std::string> read_part(const Source<T>& source, std::uint32_t subtasks,
                                   const std::vector<std::string>& saved, int polls, std::vector<T>& records) {
  std::vector<std::string> states;
  for (std::uint32_t subtask = 0; subtask < subtasks; ++subtask) {
    FakeOperatorContext context(subtask, subtasks);
    RowOutput<T> output([&](const T& record) { records.push_back(record); });
    const auto reader = source.make_reader();
    std::optional<taskmanager::RestoredOperator> restored;
    if (!saved.empty()) context.restored_state = &restored.emplace(weir::test::restored_from(saved, subtask, subtasks));
    REQUIRE(reader->open(context).ok());
    // Subtasks come to different places.
    for (int i = 0; polls < 0 || i < polls + static_cast<int>(subtask); ++i) {
      const Result<Progress> progress = reader->poll(output);
      REQUIRE(progress.ok());
      if (progress->kind == Progress::Kind::finished) break;
    }
    states.push_back(weir::test::save(*reader));
    reader->close();
  }
  return states;
}

/// Runs of a source, each at another parallelism, until all is read.
template <class T>
std::vector<T> read_rescaled(const Source<T>& source, const std::vector<std::uint32_t>& parallelisms) {
  std::vector<T> records;
  std::vector<std::string> saved;
  for (std::size_t i = 0; i < parallelisms.size(); ++i)
    saved = read_part(source, parallelisms[i], saved, i + 1 < parallelisms.size() ? 2 : -1, records);
  std::sort(records.begin(), records.end());
  return records;
}

const std::vector<std::vector<std::uint32_t>> kRescales{{1, 3},    {3, 1},       {2, 4},       {5, 3},
                                                        {4, 4, 4}, {1, 3, 2, 5}, {7, 2, 1, 3}, {128, 1, 100}};

}  // namespace

TEST_CASE("sources: at any other parallelism a restored source reads the rest, nothing lost and nothing twice") {
  std::vector<std::uint64_t> numbers(20'011);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  TemporaryDirectory directory;
  std::vector<std::string> all;
  for (int file = 0; file < 5; ++file) {
    std::string text;
    for (int i = 0; i < 4000; ++i) {
      all.push_back(std::to_string(file) + " line " + std::to_string(i));
      text += all.back() + "\n";
    }
    directory.write(std::to_string(file), text);
  }
  std::sort(all.begin(), all.end());
  for (const auto& parallelisms : kRescales) {
    CAPTURE(parallelisms.front());
    CAPTURE(parallelisms[1]);
    CHECK(read_rescaled(generate<std::uint64_t>([](std::uint64_t n) { return n; }, {.records = numbers.size()}),
                        parallelisms) == numbers);
    CHECK(read_rescaled(weir::detail::CollectionSource<std::uint64_t>(numbers), parallelisms) == numbers);
    CHECK(read_rescaled(text_source(directory.string()).split_bytes(9'000), parallelisms) == all);
  }
}

TEST_CASE("sources: a state whose pieces are not all there is refused") {
  std::vector<std::uint64_t> records;
  const auto source = generate<std::uint64_t>([](std::uint64_t n) { return n; }, {.records = 100'000});
  auto saved = read_part(source, 3, {}, 2, records);
  saved.pop_back();
  taskmanager::RestoredOperator restored = weir::test::restored_from(saved, 0, 1);
  FakeOperatorContext context(0, 1);
  context.restored_state = &restored;
  const auto reader = source.make_reader();
  CHECK(reader->open(context).error().message == "the source's state is damaged or not whole");
}

TEST_CASE("generator: a rate holds records back until their time") {
  FakeOperatorContext context;
  std::size_t count = 0;
  RowOutput<std::int64_t> output([&](const std::int64_t&) { ++count; });
  const auto source = generate<std::int64_t>([](std::uint64_t n) { return static_cast<std::int64_t>(n); },
                                             {.records_per_second = 1000});
  CHECK_FALSE(source.bounded());
  const auto reader = source.make_reader();
  REQUIRE(reader->open(context).ok());
  for (context.clock_ms = 0; context.clock_ms < 2000;) {
    const Result<Progress> progress = reader->poll(output);
    REQUIRE(progress.ok());
    if (progress->kind != Progress::Kind::blocked) continue;
    REQUIRE(progress->wake_at_ms > context.clock_ms);
    context.clock_ms = progress->wake_at_ms;
  }
  CHECK(count >= 1999);
  CHECK(count <= 2003);
  reader->close();
}

TEST_CASE("generator: a restored reader goes on with the next number") {
  const auto source =
      generate<std::int64_t>([](std::uint64_t n) { return static_cast<std::int64_t>(n); }, {.records = 5000});
  std::string state;
  auto records = read_all(source, 1, 2, &state, 1).records;
  for (const auto& record : read_all(source, 1, 2, &state).records) records.push_back(record);
  REQUIRE(records.size() == 2500);
  for (std::size_t i = 0; i < records.size(); ++i) CHECK(records[i] == static_cast<std::int64_t>(2 * i + 1));
}
