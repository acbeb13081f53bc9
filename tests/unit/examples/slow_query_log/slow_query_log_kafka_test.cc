// The job from topic to topic through a real broker, in one thread.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "api/loader/job_library.h"
#include "tests/support/graph_runner.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/temporary_directory.h"
#include "weir/connectors/files.h"
#include "weir/connectors/kafka.h"
#include "weir/datastream.h"
#include "weir/environment.h"

using weir::test::GraphRunner;
using weir::test::KafkaBroker;
using weir::test::TemporaryDirectory;

namespace {

/// Runs the job; answers what went wrong.
std::string run_job(const std::vector<std::string>& words) {
  const auto library = weir::JobLibrary::open(SLOW_QUERY_LOG_JOB);
  REQUIRE(library.ok());
  auto graph = library->build("slow_query_log", weir::Arguments(words), {});
  if (!graph.ok()) return graph.error().message;
  return GraphRunner(std::move(*graph)).run();
}

/// Lines of a file to a topic, or a topic's messages to files, by a job of one edge.
std::string copy_lines(const std::string& path, const std::string& brokers, const std::string& topic) {
  using namespace weir::connectors;
  weir::StreamExecutionEnvironment env;
  env.from_source(FileSource<weir::Text>(path, raw_format()))
      .sink_to(KafkaSink<weir::Text>(brokers, topic, raw_format()));
  return GraphRunner(env.take_graph()).run();
}
std::string copy_messages(const std::string& brokers, const std::string& topic, const std::string& directory) {
  using namespace weir::connectors;
  weir::StreamExecutionEnvironment env;
  KafkaSource<weir::Text> source(brokers, topic, raw_format());
  env.from_source(source.stop_at_end()).sink_to(FileSink<weir::Text>(directory, raw_format()));
  return GraphRunner(env.take_graph()).run();
}

}  // namespace

TEST_CASE("slow_query_log: from topic to topic it gives what the plain fold gives, and broken messages are set aside") {
  KafkaBroker broker;
  TemporaryDirectory directory;
  const std::string log = std::string(SLOW_QUERY_LOG_DATA) + "/mariadb-10.11-slow.log";
  const std::string joined = directory.string() + "/joined.log";
  REQUIRE(std::system((std::string(SLOW_QUERY_LOG_FOLD) + " --joined " + log + " > " + joined).c_str()) == 0);
  std::ofstream(joined, std::ios::app) << "no slow query at all\n";
  for (const char* topic : {"slow-log", "results", "bad-records"}) broker.create_topic(topic, 2);
  REQUIRE(copy_lines(joined, broker.address(), "slow-log") == "");

  CHECK(run_job({"--input", "kafka:slow-log", "--output", "kafka:results", "--brokers", broker.address(),
                 "--bad-records", "kafka:bad-records", "--bounded"}) == "");

  REQUIRE(copy_messages(broker.address(), "results", directory.string() + "/results") == "");
  CHECK(std::system(
            (std::string(SLOW_QUERY_LOG_FOLD) + " --compare " + log + " " + directory.string() + "/results").c_str()) ==
        0);
  CHECK(broker.consume("bad-records", 1).find("\"reason\":\"there is no Query_time\"") != std::string::npos);

  CHECK(
      run_job({"--input", "kafka:nowhere", "--output", "kafka:results", "--brokers", broker.address(), "--bounded"}) ==
      "Kafka at " + broker.address() + " has no topic 'nowhere': create it first, or correct the name");
}
