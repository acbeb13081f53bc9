#include "common/config/check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "common/config/flink_keys.h"
#include "common/config/options.h"

using namespace weir::config;
using namespace std::chrono_literals;

namespace {

Configuration with(std::initializer_list<std::pair<std::string, std::string>> settings) {
  Configuration configuration;
  int line = 0;
  for (const auto& [key, value] : settings) configuration.set(key, value, "c.yaml:" + std::to_string(++line));
  return configuration;
}

/// The only error of a configuration; all of them when there are more.
std::string error_of(std::initializer_list<std::pair<std::string, std::string>> settings) {
  auto result = checked(with(settings));
  return result.ok() ? "no error" : result.error().message;
}

}  // namespace

TEST_CASE("check: an empty configuration is right") {
  Report report = check(Configuration());
  CHECK(report.errors.empty());
  CHECK(report.warnings.empty());
}

TEST_CASE("check: an unknown key near a known one is an error that names it and where it stands") {
  CHECK(error_of({{"rest.prot", "1"}}) == "c.yaml:1: unknown key rest.prot; did you mean rest.port?");
  CHECK(error_of({{"taskmanager.numberOfTaskSlot", "1"}}) ==
        "c.yaml:1: unknown key taskmanager.numberOfTaskSlot; did you mean taskmanager.numberOfTaskSlots?");
  CHECK(error_of({{"Rest.Port", "1"}}) == "c.yaml:1: unknown key Rest.Port; did you mean rest.port?");
  CHECK(error_of({{"execution.checkpointing.intervall", "1"}}) ==
        "c.yaml:1: unknown key execution.checkpointing.intervall; did you mean execution.checkpointing.interval?");
  CHECK(error_of({{"weir.slot.spinn", "1"}}) == "c.yaml:1: unknown key weir.slot.spinn; did you mean weir.slot.spin?");
  CHECK(error_of({{"REST.PORT", "1"}}) == "c.yaml:1: unknown key REST.PORT; did you mean rest.port?");
  CHECK(error_of({{"taskmanager.number-of-slots", "1"}}) ==
        "c.yaml:1: unknown key taskmanager.number-of-slots; did you mean taskmanager.numberOfTaskSlots?");
  CHECK(error_of({{"taskmanger.numberOfTaskSlots", "1"}}) ==
        "c.yaml:1: unknown key taskmanger.numberOfTaskSlots; did you mean taskmanager.numberOfTaskSlots?");
  CHECK(error_of({{"", "1"}}) == "c.yaml:1: a key is empty");
}

TEST_CASE("check: an unknown key that is near none is a warning, for it is the user's own") {
  const std::string long_key(400, 'x');
  for (const std::string& key : {std::string("fraud.threshold"), std::string("my-company.app.rest.port"),
                                 std::string("zzzz"), std::string("a"), long_key}) {
    INFO(key);
    const Report report = check(with({{key, "1"}}));
    CHECK(report.errors.empty());
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0].starts_with("c.yaml:1: unknown key " + key.substr(0, 100)));
    CHECK(report.warnings[0].ends_with(" has no effect on Weir; jobs find it in their configuration"));
    CHECK(report.warnings[0].size() < 300);
    CHECK(is_job_key(key));
  }
}

TEST_CASE("check: what the container image of Flink writes starts, whatever its values mean here") {
  const Report report = check(with({{"blob.server.port", "6124"},
                                    {"query.server.port", "6125"},
                                    {"taskmanager.numberOfTaskSlots", "2"},
                                    {"jobmanager.rpc.address", "jobmanager"}}));
  CHECK(report.errors.empty());
  CHECK(report.warnings ==
        std::vector<std::string>{"c.yaml:2: query.server.port is a key of Flink that has no effect in Weir"});
}

TEST_CASE("check: a key of Flink without effect is a warning, also one with a free name") {
  Report report = check(with({{"env.java.opts.all", "-Xmx1g"},
                              {"kubernetes.cluster-id", "x"},
                              {"metrics.reporter.prom.port", "9249"},
                              {"state.backend.type", "rocksdb"},
                              {"table.exec.state.ttl", "1 h"}}));
  CHECK(report.errors.empty());
  CHECK(report.warnings.size() == 5);
  CHECK(report.warnings[0] == "c.yaml:1: env.java.opts.all is a key of Flink that has no effect in Weir");
}

TEST_CASE("check: a key of Flink whose wish can be had in another way says in which") {
  Report report =
      check(with({{"web.history", "9"}, {"execution.attached", "true"}, {"taskmanager.memory.segment-size", "64kb"}}));
  CHECK(report.errors.empty());
  REQUIRE(report.warnings.size() == 3);
  CHECK(report.warnings[0] ==
        "c.yaml:2: execution.attached is a key of Flink that has no effect in Weir: weir run waits for the job unless "
        "-d is given");
  CHECK(report.warnings[1].ends_with("no effect in Weir: a block has 32 kb"));
  CHECK(report.warnings[2].ends_with("no effect in Weir: jobstore.max-capacity says how many finished jobs are kept"));
}

TEST_CASE("check: only the restarts, which come with checkpoints, wait for a later version") {
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) {
      if (!entry.option->inert) continue;
      INFO(entry.option->key);
      CHECK((entry.option->key.starts_with("restart-strategy.") ||
             entry.option->key == "jobmanager.execution.failover-strategy"));
    }
  }
}

TEST_CASE("check: the origin that may ask is * or one origin") {
  for (const char* origin : {"*", "http://localhost:3000", "https://dashboard.example.com"}) {
    INFO(origin);
    CHECK(error_of({{"web.access-control-allow-origin", origin}}) == "no error");
  }
  for (const char* origin : {"", "dashboard.example.com", "https://", "https://a/", "https://a/path",
                             "http://a,http://b", "ftp://a", "null"}) {
    INFO(origin);
    CHECK(error_of({{"web.access-control-allow-origin", origin}})
              .starts_with("c.yaml:1: web.access-control-allow-origin: "));
  }
}

TEST_CASE(
    "check: an option that nothing acts on yet is a warning when its value is right, and an error when it is not") {
  Report report = check(with({{"restart-strategy.type", "fixed-delay"},
                              {"restart-strategy.fixed-delay.delay", "3 s"},
                              {"slot.idle.timeout", "3 s"}}));
  CHECK(report.errors.empty());
  CHECK(report.warnings ==
        std::vector<std::string>{"c.yaml:2: restart-strategy.fixed-delay.delay has no effect in this version",
                                 "c.yaml:1: restart-strategy.type has no effect in this version"});
  CHECK(check(with({{"restart-strategy.fixed-delay.delay", "3 parsecs"}})).errors.size() == 1);
}

TEST_CASE("check: a wrong value is one sentence with key, value and accepted forms") {
  CHECK(error_of({{"rest.port", "http"}}) ==
        "c.yaml:1: rest.port: \"http\" is not a port: a whole number between 0 and 65535");
  CHECK(error_of({{"heartbeat.timeout", "5 parsecs"}}) ==
        "c.yaml:1: heartbeat.timeout: \"5 parsecs\" is not a duration: a whole number and one of ns, us, ms, s, min, "
        "h, d (without a "
        "unit: ms), such as 500 ms or 1 min");
  CHECK(error_of({{"taskmanager.memory.process.size", "1.5g"}}) ==
        "c.yaml:1: taskmanager.memory.process.size: \"1.5g\" is not a memory size: a whole number and one of b, kb, "
        "mb, gb, tb (without "
        "a unit: bytes), such as 1728m or 4 gb");
  CHECK(error_of({{"web.submit.enable", "yes"}}) == "c.yaml:1: web.submit.enable: \"yes\" is not true or false");
  CHECK(error_of({{"restart-strategy.type", "sometimes"}}) ==
        "c.yaml:1: restart-strategy.type: \"sometimes\" is not one of none, fixed-delay, failure-rate, "
        "exponential-delay");
  CHECK(error_of({{"high-availability", "zookeeper"}}) ==
        "c.yaml:1: high-availability.type: \"zookeeper\" is not NONE");
  CHECK(error_of({{"taskmanager.numberOfTaskSlots", "0"}}) ==
        "c.yaml:1: taskmanager.numberOfTaskSlots: \"0\" is too small: at least 1");
  CHECK(error_of({{"parallelism.default", "40000"}}) ==
        "c.yaml:1: parallelism.default: \"40000\" is too large: at most 32768");
  CHECK(error_of({{"blob.server.port", "9-1"}}).find("is not ports: ") != std::string::npos);
  CHECK(error_of({{"jobmanager.rpc.port", ""}}).find("\"\" is not a port") != std::string::npos);
}

TEST_CASE("check: values that contradict each other are errors") {
  CHECK(error_of({{"heartbeat.interval", "10 s"}, {"heartbeat.timeout", "5 s"}}) ==
        "c.yaml:2: heartbeat.timeout (5 s) is less than heartbeat.interval (10 s)");
  CHECK(error_of({{"taskmanager.memory.network.max", "32m"}}) ==
        "c.yaml:1: taskmanager.memory.network.max (32 mb) is less than taskmanager.memory.network.min (64 mb)");
  CHECK(error_of({{"weir.max-record-bytes", "100m"}}) ==
        "c.yaml:1: weir.rpc.max-frame-bytes (64 mb) is less than weir.max-record-bytes (100 mb)");
}

TEST_CASE("check: a key that asks for TLS is refused, because ignoring it would expose its user") {
  CHECK(error_of({{"security.ssl.rest.enabled", "true"}}).find("asks for TLS") != std::string::npos);
  CHECK(error_of({{"security.ssl.internal.enabled", "yes"}}).find("asks for TLS") != std::string::npos);
  CHECK(error_of({{"security.ssl.internal.enabled", "false"}}) == "no error");
}

TEST_CASE("check: all errors are reported, one to a line, and old names are warnings") {
  CHECK(error_of({{"rest.port", "x"}, {"rest.prot", "1"}}).find('\n') != std::string::npos);
  Report report = check(with({{"restart-strategy", "none"}, {"execution.buffer-timeout", "0"}}));
  CHECK(report.errors.empty());
  CHECK(report.warnings == std::vector<std::string>{
                               "c.yaml:2: execution.buffer-timeout is an old name of execution.buffer-timeout.interval",
                               "c.yaml:1: restart-strategy is an old name of restart-strategy.type",
                               "c.yaml:1: restart-strategy.type has no effect in this version"});
}

TEST_CASE("check: parts of a map are known") {
  CHECK(error_of({{"pipeline.global-job-parameters.a.b", "1"}, {"containerized.taskmanager.env.TZ", "UTC"}}) ==
        "no error");
  CHECK(error_of({{"rest.port.x", "1"}}) != "no error");
}

TEST_CASE("check: only loopback needs no permission to listen") {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "::ffff:127.0.0.1"}) {
    INFO(host);
    CHECK(is_loopback(host));
    CHECK(check_listener(host, Configuration()).ok());
  }
  for (const char* host : {"", "0.0.0.0", "::", "[::]", "*", "10.0.0.1", "128.0.0.1", "localhost.example.com",
                           "127.0.0.1.example.com", "127.1", "::ffff:10.0.0.1", "jobmanager", "fe80::1"}) {
    INFO(host);
    CHECK_FALSE(is_loopback(host));
    auto refused = check_listener(host, Configuration());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == weir::ErrorCode::failed_precondition);
    CHECK(refused.error().message.find("security.allow-unauthenticated: true") != std::string::npos);
    CHECK(check_listener(host, with({{"security.allow-unauthenticated", "true"}})).ok());
    CHECK_FALSE(check_listener(host, with({{"security.allow-unauthenticated", "maybe"}})).ok());
  }
}

TEST_CASE("options: every default and bound reads as its type") {
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) {
      INFO(entry.option->key);
      if (entry.option->fallback) CHECK(entry.validate(*entry.option, *entry.option->fallback).ok());
      OptionText unbounded = *entry.option;
      unbounded.least = unbounded.most = std::nullopt;
      if (entry.option->least) CHECK(entry.validate(unbounded, *entry.option->least).ok());
      if (entry.option->most) CHECK(entry.validate(unbounded, *entry.option->most).ok());
      CHECK(entry.option->about.ends_with('.'));
      CHECK(entry.option->flink.has_value() == !entry.option->because.empty());
    }
  }
}

TEST_CASE("options: every key and old key is known once") {
  std::set<std::string_view> keys;
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) {
      INFO(entry.option->key);
      CHECK(keys.insert(entry.option->key).second);
      for (std::string_view old_key : entry.option->old_keys) {
        if (!old_key.empty()) CHECK(keys.insert(old_key).second);
      }
    }
  }
}

TEST_CASE("options: every constant of the headers is in the table") {
  std::size_t constants = 0;
  for (const char* name : {"network", "cluster", "job"}) {
    std::ifstream header(std::string(WEIR_SOURCE_ROOT "/common/config/") + name + "_options.h");
    REQUIRE(header.good());
    std::string line;
    while (std::getline(header, line)) constants += line.starts_with("inline constexpr Option<") ? 1 : 0;
  }
  std::size_t entries = 0;
  for (const OptionGroup& group : option_groups()) entries += group.options.size();
  CHECK(entries == constants);
}

TEST_CASE("options: Flink's keys are sorted, and a prefix alone is no key") {
  CHECK(std::ranges::is_sorted(flink_keys()));
  CHECK(is_flink_key("taskmanager.memory.managed.fraction"));
  CHECK(is_flink_key("metrics.reporter.any.thing"));
  CHECK_FALSE(is_flink_key("metrics.reporter."));
  CHECK_FALSE(is_flink_key(""));
  CHECK_FALSE(is_flink_key("taskmanager"));
}

TEST_CASE("configuration: values have their default, or what was set, or an error that says where") {
  Configuration configuration = with({{"rest.port", "9"}, {"heartbeat.interval", "x"}});
  CHECK(configuration.get(kRestPort).value() == 9);
  CHECK(configuration.get(kHeartbeatTimeout).value() == 5s);
  CHECK(configuration.get(kBufferTimeout).value() == 1ms);
  CHECK(configuration.get(kSlotSpin).value() == 20us);
  CHECK(configuration.get(kHeartbeatInterval)
            .error()
            .message.starts_with("c.yaml:2: heartbeat.interval: \"x\" is not a duration"));
  CHECK_FALSE(configuration.find(kRestBindPort).value().has_value());
  CHECK(configuration.get(kRestBindPort).error().message == "rest.bind-port is not set and has no default");
  CHECK(configuration.has(kRestPort));
  CHECK_FALSE(configuration.has(kRestBindPort));
}

TEST_CASE("configuration: a map takes its own key and its parts, and a part wins") {
  Configuration configuration =
      with({{"pipeline.global-job-parameters", "a:1,b:2"}, {"pipeline.global-job-parameters.b", "3"}});
  CHECK(configuration.get(kPipelineGlobalJobParameters).value() == Map{{"a", "1"}, {"b", "3"}});
  CHECK_FALSE(Configuration().find(kPipelineGlobalJobParameters).value().has_value());
  CHECK_FALSE(with({{"pipeline.global-job-parameters", "a"}}).find(kPipelineGlobalJobParameters).ok());
}

TEST_CASE("configuration: the part of jobs has only their keys") {
  Configuration part =
      with({{"rest.port", "1"}, {"pipeline.name", "n"}, {"restart-strategy", "none"}, {"execution.attached", "true"}})
          .job_part();
  std::vector<std::string> keys;
  for (const auto& [key, setting] : part.settings()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"execution.attached", "pipeline.name", "restart-strategy.type"});
}

TEST_CASE("configuration: secrets are not shown") {
  Configuration configuration = with({{"rest.port", "1"},
                                      {"s3.secret-key", "canary"},
                                      {"security.ssl.rest.key-password", "canary"},
                                      {"metrics.reporter.x.apikey", "canary"},
                                      {"containerized.taskmanager.env.AUTH_TOKEN", "canary"}});
  for (const auto& [key, value] : configuration.shown()) {
    INFO(key);
    CHECK(value == (key == "rest.port" ? "1" : "******"));
  }
}
