#include "common/config/layers.h"

#include <doctest/doctest.h>

#include "common/config/job_options.h"
#include "common/config/network_options.h"
#include "tests/support/temporary_directory.h"

using namespace weir::config;
using weir::test::TemporaryDirectory;

namespace {

using Settings = std::map<std::string, std::string>;

Configuration cluster() {
  Configuration configuration;
  configuration.set("parallelism.default", "4", "c.yaml:1");
  configuration.set("rest.port", "9", "c.yaml:2");
  configuration.set("pipeline.name", "cluster", "c.yaml:3");
  return configuration;
}

std::string refused(const Settings& submitted) {
  auto job = job_configuration(cluster(), submitted);
  return job.ok() ? "no error" : job.error().message;
}

}  // namespace

TEST_CASE("layers: a daemon gets its settings with the warnings of loading and checking") {
  TemporaryDirectory directory;
  directory.write("config.yaml", "rest:\n  port: 9\njobmanager:\nenv.java.home: /x\n");
  auto loaded = load_checked({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE(loaded.ok());
  CHECK(loaded->configuration.get(kRestPort).value() == 9);
  CHECK(loaded->warnings.size() == 2);
}

TEST_CASE("layers: every wrong setting of a daemon is in the one error") {
  TemporaryDirectory directory;
  directory.write("config.yaml", "rest.port: x\n");
  std::string file = directory.string() + "/config.yaml";
  auto loaded = load_checked({.directory = directory.string(), .environment = {}, .dynamic = {"web.timeot=1"}});
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().message == file +
                                      ":1: rest.port: \"x\" is not a port: a whole number between 0 and 65535\n-D: "
                                      "unknown key web.timeot; did you mean web.timeout?");
}

TEST_CASE("layers: a job has the cluster's settings about jobs and above them its own") {
  auto job = job_configuration(cluster(), {{"pipeline.name", "mine"}, {"restart-strategy", "fixed-delay"}});
  REQUIRE(job.ok());
  CHECK(job->configuration.get(kParallelismDefault).value() == 4);
  CHECK(job->configuration.get(kPipelineName).value() == "mine");
  CHECK(job->configuration.get(kRestartStrategy).value() == RestartStrategy::fixed_delay);
  CHECK_FALSE(job->configuration.has(kRestPort));
}

TEST_CASE("layers: a submitted key of the cluster or of Flink alone is a warning, and has no effect") {
  auto job = job_configuration(
      cluster(), {{"rest.port", "7"}, {"security.allow-unauthenticated", "true"}, {"state.backend.type", "hashmap"}});
  REQUIRE(job.ok());
  CHECK(job->warnings.size() == 3);
  CHECK_FALSE(job->configuration.has(kRestPort));
  CHECK_FALSE(job->configuration.has(kSecurityAllowUnauthenticated));
}

TEST_CASE("layers: unknown keys of the cluster and of a submission reach the job, the submission's above") {
  Configuration own = cluster();
  own.set("fraud.threshold", "5", "c.yaml:9");
  own.set("fraud.model", "small", "c.yaml:10");
  auto job = job_configuration(own, {{"fraud.threshold", "7"}, {"shop", "north"}});
  REQUIRE(job.ok());
  CHECK(job->configuration.raw("fraud.threshold") == "7");
  CHECK(job->configuration.raw("fraud.model") == "small");
  CHECK(job->configuration.raw("shop") == "north");
  CHECK(job->warnings ==
        std::vector<std::string>{
            "submission: unknown key fraud.threshold has no effect on Weir; jobs find it in their configuration",
            "submission: unknown key shop has no effect on Weir; jobs find it in their configuration"});
}

TEST_CASE("layers: a submitted key that is mistyped and a wrong value are refused") {
  CHECK(refused({{"parallelism.defalt", "1"}}) ==
        "submission: unknown key parallelism.defalt; did you mean parallelism.default?");
  CHECK(refused({{"parallelism.default", "0"}}) == "submission: parallelism.default: \"0\" is too small: at least 1");
  CHECK(refused({{"", "1"}}) != "no error");
  CHECK(refused({{"execution.runtime-mode", "fast"}}) ==
        "submission: execution.runtime-mode: \"fast\" is not one of STREAMING, BATCH, AUTOMATIC");
}
