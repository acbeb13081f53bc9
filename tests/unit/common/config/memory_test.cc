#include "common/config/memory.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

using namespace weir::config;
using weir::test::TemporaryDirectory;

namespace {

constexpr std::int64_t kMb = 1024 * 1024;
constexpr std::int64_t kGb = 1024 * kMb;

Configuration with(std::initializer_list<std::pair<std::string, std::string>> settings) {
  Configuration configuration;
  for (const auto& [key, value] : settings) configuration.set(key, value, "c.yaml:1");
  return configuration;
}

MemoryLimits machine(std::int64_t bytes, std::optional<std::int64_t> container = std::nullopt) {
  MemoryLimits limits;
  limits.machine_bytes = bytes;
  limits.container_bytes = container;
  return limits;
}

/// A machine of 8 GiB whose control groups are the files given.
MemoryLimits limits_of(std::initializer_list<std::pair<std::string, std::string>> files) {
  TemporaryDirectory root;
  root.write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          100 kB\n");
  for (const auto& [name, text] : files) root.write(name, text);
  return read_memory_limits(root.string()).value();
}

}  // namespace

TEST_CASE("memory limits: without control groups there is the machine") {
  MemoryLimits limits = limits_of({});
  CHECK(limits.machine_bytes == 8 * kGb);
  CHECK_FALSE(limits.container_bytes.has_value());
}

TEST_CASE("memory limits: version 2, the smallest of a group and those above it") {
  CHECK(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "1073741824\n"}}).container_bytes == kGb);
  CHECK(limits_of({{"proc/self/cgroup", "0::/a/b\n"},
                   {"sys/fs/cgroup/a/b/memory.max", "max\n"},
                   {"sys/fs/cgroup/a/memory.max", "2147483648\n"},
                   {"sys/fs/cgroup/memory.max", "4294967296\n"}})
            .container_bytes == 2 * kGb);
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "max\n"}}).container_bytes.has_value());
}

TEST_CASE("memory limits: version 1, also where the group's path is only seen by the host") {
  CHECK(limits_of({{"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/77\n"}, {"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"}})
            .container_bytes == kGb);
  CHECK(limits_of({{"proc/self/cgroup", "4:memory:/s\n"},
                   {"sys/fs/cgroup/memory/s/memory.limit_in_bytes", "1073741824\n"},
                   {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}})
            .container_bytes == kGb);
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "4:memory:/\n"}, {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}})
                  .container_bytes.has_value());
}

TEST_CASE("memory limits: broken files are no limits, but a machine without a size is an error") {
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "nonsense\n\n::\n0:x\n"}, {"sys/fs/cgroup/memory.max", "lots\n"}}).container_bytes.has_value());
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "0\n"}}).container_bytes.has_value());
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/../../../..\n"}}).container_bytes.has_value());
  TemporaryDirectory root;
  CHECK(read_memory_limits(root.string()).error().code == weir::ErrorCode::io);
  root.write("proc/meminfo", "MemFree: 1 kB\n");
  CHECK_FALSE(read_memory_limits(root.string()).ok());
}

TEST_CASE("memory limits: those of this machine are read") {
  auto limits = read_memory_limits("/");
  REQUIRE(limits.ok());
  CHECK(limits.value().machine_bytes > 64 * kMb);
}

TEST_CASE("memory: the size set goes before the container's, and that before half of the machine") {
  auto process = [](const Configuration& configuration, const MemoryLimits& limits) { return divide_memory(configuration, limits).value().process_bytes; };
  CHECK(process({}, machine(8 * kGb)) == 4 * kGb);
  CHECK(process({}, machine(8 * kGb, kGb)) == kGb);
  CHECK(process(with({{"taskmanager.memory.flink.size", "512m"}}), machine(8 * kGb, kGb)) == 512 * kMb);
  CHECK(process(with({{"taskmanager.memory.process.size", "768m"}, {"taskmanager.memory.flink.size", "512m"}}), machine(8 * kGb, kGb)) == 768 * kMb);
}

TEST_CASE("memory: blocks take their fraction within their bounds, and slots share what the daemon leaves") {
  auto budget = divide_memory(with({{"taskmanager.memory.process.size", "2 gb"}, {"taskmanager.numberOfTaskSlots", "4"}}), machine(8 * kGb)).value();
  CHECK(budget.daemon_bytes == 64 * kMb);
  CHECK(budget.network_bytes == 2 * kGb / 10);
  CHECK(budget.slot_bytes == (2 * kGb - 64 * kMb) / 4);
  CHECK(budget.slot_network_bytes == 2 * kGb / 10 / 4);
  CHECK(budget.reason == "taskmanager.memory.process.size");
  CHECK(divide_memory(with({{"taskmanager.memory.process.size", "400 mb"}}), machine(8 * kGb)).value().network_bytes == 64 * kMb);
  CHECK(divide_memory(with({{"taskmanager.memory.network.max", "100 mb"}}), machine(8 * kGb)).value().network_bytes == 100 * kMb);
}

TEST_CASE("memory: what does not fit is one sentence with the way out") {
  auto refused = [](const Configuration& configuration, const MemoryLimits& limits) { return divide_memory(configuration, limits).error().message; };
  CHECK(refused(with({{"taskmanager.memory.process.size", "100m"}, {"taskmanager.numberOfTaskSlots", "4"}}), machine(8 * kGb)) ==
        "taskmanager.memory.process.size (100 mb) is too little for 4 slots: at least 192 mb; raise taskmanager.memory.process.size or "
        "lower taskmanager.numberOfTaskSlots");
  CHECK(refused({}, machine(8 * kGb, 90 * kMb)).starts_with("the container's limit (90 mb) is too little for 1 slots: at least 144 mb"));
  CHECK(refused(with({{"taskmanager.memory.process.size", "2g"}}), machine(8 * kGb, kGb)) ==
        "taskmanager.memory.process.size (2 gb) is more than the container has (1024 mb); the kernel would end the process");
  CHECK(refused(with({{"taskmanager.memory.flink.size", "20g"}}), machine(8 * kGb)).find("more than the machine has (8192 mb)") != std::string::npos);
  CHECK(refused(with({{"taskmanager.memory.process.size", "1g"}, {"taskmanager.memory.flink.size", "2g"}}), machine(8 * kGb)).find("is less than") !=
        std::string::npos);
  CHECK(refused(with({{"taskmanager.numberOfTaskSlots", "none"}}), machine(8 * kGb)).starts_with("c.yaml:1: taskmanager.numberOfTaskSlots"));
}

TEST_CASE("memory: the smallest size named in the error is accepted, and no budget exceeds its process") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937 random(weir::test::seed());
  for (int i = 0; i < 300; ++i) {
    Configuration configuration = with({{"taskmanager.memory.process.size", std::to_string(random() % 4000) + " mb"},
                                        {"taskmanager.numberOfTaskSlots", std::to_string(1 + random() % 32)},
                                        {"taskmanager.memory.network.fraction", "0." + std::to_string(random() % 9)}});
    auto budget = divide_memory(configuration, machine(64 * kGb));
    if (!budget.ok()) {
      std::string message = budget.error().message;
      std::size_t at = message.find("at least ") + 9;
      configuration.set("taskmanager.memory.process.size", message.substr(at, message.find(';') - at), "again");
      INFO(message);
      budget = divide_memory(configuration, machine(64 * kGb));
      REQUIRE(budget.ok());
    }
    CHECK(budget->network_bytes + budget->daemon_bytes <= budget->process_bytes);
    CHECK(budget->slot_network_bytes <= budget->slot_bytes);
    CHECK(budget->slot_bytes - budget->slot_network_bytes >= kSlotBytesMin);
  }
}
