// The job itself, out of its library, in one thread.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/loader/job_library.h"
#include "examples/slow_query_log/functions.h"
#include "tests/support/graph_runner.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/examples/slow_query_log/samples.h"

using namespace slow_query_log;
using weir::test::GraphRunner;
using weir::test::TemporaryDirectory;

namespace {

weir::Result<weir::StreamGraph> build(const std::vector<std::string>& words) {
  static const auto library = weir::JobLibrary::open(SLOW_QUERY_LOG_JOB);
  REQUIRE_MESSAGE(library.ok(), (library.ok() ? "" : library.error().message));
  return library->build("slow_query_log", weir::Arguments(words), {});
}

std::string refusal(const std::vector<std::string>& words) {
  const auto graph = build(words);
  REQUIRE_FALSE(graph.ok());
  return graph.error().message;
}

std::string contents(const std::string& directory) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) all += weir::test::read_text(entry.path());
  return all;
}

bool equals_plain_fold(const std::string& log, const std::string& results) {
  return std::system((std::string(SLOW_QUERY_LOG_FOLD) + " --compare " + log + " " + results).c_str()) == 0;
}

}  // namespace

TEST_CASE("slow_query_log: every sample gives what the plain fold gives") {
  for (const char* name : {"mariadb-10.11-slow.log", "mysql-5.7-slow.log", "mysql-8.0-slow.log", "malformed.log",
                           "joined.log", "filebeat.jsonl"}) {
    TemporaryDirectory directory;
    const std::string log = std::string(SLOW_QUERY_LOG_DATA) + "/" + name;
    const std::string results = directory.string() + "/results";
    auto graph = build({"--input", "file:" + log, "--output", "file:" + results});
    REQUIRE(graph.ok());
    GraphRunner runner(std::move(*graph));
    CAPTURE(name);
    CHECK(runner.run() == "");
    CHECK(equals_plain_fold(log, results));
  }
}

TEST_CASE("slow_query_log: each change is one JSON object a line") {
  TemporaryDirectory directory;
  const std::string log =
      directory
          .write(
              "slow.log",
              "# Query_time: 0.5  Rows_examined: 3\nselect 1;\n# Query_time: 0.25  Rows_examined: 4\nselect \"x\";\n")
          .string();
  auto graph = build({"--input=file:" + log, "--output=file:" + directory.string() + "/out"});
  REQUIRE(graph.ok());
  CHECK(GraphRunner(std::move(*graph)).run() == "");
  CHECK(
      contents(directory.string() + "/out") ==
      "{\"fingerprint\":\"select ?\",\"count\":1,\"total_time\":0.500000,\"max_time\":0.500000,\"rows_examined\":3}\n"
      "{\"fingerprint\":\"select ?\",\"count\":2,\"total_time\":0.750000,\"max_time\":0.500000,\"rows_examined\":7}\n");
}

TEST_CASE("slow_query_log: broken records are counted, set aside with reason and bytes, and stop nothing") {
  TemporaryDirectory directory;
  const std::string broken = "# Query_time: no \xff number\nselect 1;";
  const std::string log =
      directory.write("slow.log", "# Query_time: 0.5\nselect 1;\n# Time: 220413  4:00:02\n" + broken + "\n").string();
  auto graph = build({"--input", "file:" + log, "--output", "file:" + directory.string() + "/out", "--bad-records",
                      "file:" + directory.string() + "/bad"});
  REQUIRE(graph.ok());
  GraphRunner runner(std::move(*graph));
  CHECK(runner.run() == "");
  CHECK(runner.counter("numBrokenRecords") == 1);
  const std::string bad = contents(directory.string() + "/bad");
  CHECK(bad.find("{\"reason\":\"Query_time is not a number of seconds\",\"source\":") == 0);
  CHECK(bad.find("no \xEF\xBF\xBD number\\nselect "
                 "1;\",\"record_base64\":\"IyBUaW1lOiAyMjA0MTMgIDQ6MDA6MDIKIyBRdWVyeV90aW1lOiBubyD/"
                 "IG51bWJlcgpzZWxlY3QgMTs=\"}\n") != std::string::npos);
  CHECK(equals_plain_fold(log, directory.string() + "/out"));
}

TEST_CASE("slow_query_log: the same arguments give the same graph, with a uid for what has state") {
  const std::vector<std::string> words{"--input",   "kafka:slow-log", "--output",      "kafka:results",
                                       "--brokers", "127.0.0.1:1",    "--bad-records", "kafka:bad"};
  const auto graph = build(words);
  REQUIRE(graph.ok());
  bool keyed = false;
  for (const weir::OperatorNode& node : graph->operators) {
    if (node.stateful) CHECK(node.uid == "totals");
    keyed = keyed || node.stateful;
    if (node.role == weir::OperatorRole::source) CHECK_FALSE(node.bounded);
  }
  CHECK(keyed);
  auto bounded = words;
  bounded.push_back("--bounded");
  CHECK(build(bounded)->operators[0].bounded);
}

TEST_CASE("slow_query_log: what makes no sense is refused with a sentence before anything starts") {
  const std::string file = "file:/tmp/slow.log";
  CHECK(refusal({"--output", "console"}).find("--input") != std::string::npos);
  CHECK(refusal({"--input", file}).find("--output") != std::string::npos);
  CHECK(refusal({"--input", "ftp:x", "--output", "console"}) ==
        "--input is 'ftp:x': it must be file:PATH or kafka:TOPIC");
  CHECK(refusal({"--input", "file:", "--output", "console"}) ==
        "--input is 'file:': it must be file:PATH or kafka:TOPIC");
  CHECK(refusal({"--input", file, "--output", "screen"}) ==
        "--output is 'screen': it must be console, file:DIR or kafka:TOPIC");
  CHECK(refusal({"--input", file, "--output", "console", "--bad-records", "console"}) ==
        "--bad-records is 'console': it must be file:DIR or kafka:TOPIC");
  CHECK(refusal({"--input", "file:slow.log", "--output", "console"}).find("absolute") != std::string::npos);
  CHECK(refusal({"--input", "file://other/slow.log", "--output", "console"}).find("the machine 'other'") !=
        std::string::npos);
  CHECK(refusal({"--input", file, "--output", "file:out"}).find("absolute") != std::string::npos);
  CHECK(refusal({"--input", "kafka:t", "--output", "console"}).find("--brokers") != std::string::npos);
  CHECK(refusal({"--input", file, "--output", "kafka:t"}).find("--brokers") != std::string::npos);
  CHECK(refusal({"--input", "kafka:a b", "--output", "console", "--brokers", "h:1"})
            .find("'a b' is no name of a Kafka topic") != std::string::npos);
  CHECK(refusal({"--input", "kafka:t", "--output", "console", "--brokers", "h:1", "--properties.nonsense", "1"})
            .find("the Kafka property nonsense cannot be used") != std::string::npos);
  CHECK(refusal({"--input", "kafka:t", "--output", "console", "--brokers", "h:1", "--properties.client.id"})
            .find("needs a value") != std::string::npos);
  CHECK(refusal({"--input", file, "--output", "console", "--nonsense", "1"}).find("--nonsense") != std::string::npos);
}

TEST_CASE("slow_query_log: properties reach the Kafka client in both spellings") {
  CHECK(build({"--input", "kafka:t", "--output", "console", "--brokers", "h:1", "--properties.client.id", "me",
               "--properties.fetch.min.bytes=10"})
            .ok());
}
