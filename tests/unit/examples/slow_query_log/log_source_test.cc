#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "examples/slow_query_log/log_boundary.h"
#include "examples/slow_query_log/record_splitter.h"
#include "examples/slow_query_log/slow_log_parser.h"
#include "tests/support/fake_operator_context.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/examples/slow_query_log/samples.h"
#include "weir/connectors/files.h"

using namespace slow_query_log;
using namespace weir::connectors;
using weir::test::FakeOperatorContext;

namespace {

std::vector<std::string> read(const std::string& path, std::uint64_t split_bytes, std::uint32_t subtasks,
                              std::size_t record_bytes_max = 16u << 20) {
  std::vector<std::string> records;
  FileSource<weir::Text> source(path, raw_format());
  source.record_boundary([] { return std::make_unique<LogBoundary>(); })
      .split_bytes(split_bytes)
      .on_bad_record(weir::OnBadRecord::dead_letter);
  source.record_bytes_max(record_bytes_max);
  for (std::uint32_t subtask = 0; subtask < subtasks; ++subtask) {
    FakeOperatorContext context(subtask, subtasks);
    weir::test::RowOutput<weir::Text> output([&](const weir::Text& record) { records.push_back(record.str()); });
    const auto reader = source.make_reader();
    REQUIRE(reader->open(context).ok());
    for (;;) {
      const auto progress = reader->poll(output);
      REQUIRE(progress.ok());
      if (progress->kind == weir::Progress::Kind::finished) break;
    }
    for (const auto& bad : output.bad) records.push_back("too long: " + bad.bytes);
    reader->close();
  }
  return records;
}

std::map<std::string, int> counted(const std::vector<std::string>& records) {
  std::map<std::string, int> counts;
  for (const std::string& record : records) ++counts[record];
  return counts;
}

std::vector<std::string> split(const std::string& file) {
  RecordSplitter splitter({.form = form_of(file)});
  splitter.feed(file);
  splitter.finish();
  std::vector<std::string> records;
  while (auto record = splitter.next()) records.emplace_back(record->text);
  return records;
}

}  // namespace

TEST_CASE("log source: splits of any size give the records of the whole file, each once") {
  for (const char* name : {"mariadb-10.11-slow.log", "mysql-5.7-slow.log", "mysql-8.0-slow.log", "malformed.log",
                           "joined.log", "filebeat.jsonl"}) {
    const std::string path = std::string(SLOW_QUERY_LOG_DATA) + "/" + name;
    const std::string file = sample(name);
    const auto expected = counted(split(file));
    for (const std::uint64_t split_bytes :
         {std::uint64_t{97}, std::uint64_t{1000}, std::uint64_t{50'000}, std::uint64_t{1} << 30}) {
      if (file.size() / split_bytes > 2000) continue;
      CAPTURE(name);
      CAPTURE(split_bytes);
      auto records = read(path, split_bytes, 3);
      // The file source cuts one line end off, the splitter all of them.
      for (std::string& record : records) {
        while (record.ends_with('\n') || record.ends_with('\r')) record.pop_back();
      }
      CHECK(counted(records) == expected);
    }
  }
}

TEST_CASE("log source: a record of two megabytes is whole, and one over the limit is set aside") {
  const std::string header = "# User@Host: app[app] @ web-1 [10.0.0.7]  Id: 7\n# Query_time: 0.1\n";
  const std::string large = header + "insert into t values ('" + std::string(2'000'000, 'x') + "');";
  const std::string small = header + "select 1;";
  weir::test::TemporaryDirectory directory;
  const std::string path = directory.write("slow.log", small + "\n" + large + "\n" + small + "\n");
  CHECK(counted(read(path, 1u << 20, 2)) == std::map<std::string, int>{{small, 2}, {large, 1}});
  const auto cut = counted(read(path, 1u << 20, 2, 1000));
  CHECK(cut.at(small) == 2);
  CHECK(cut.at("too long: " + large.substr(0, 1000)) == 1);
}
