#include "common/config/memory.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

using namespace weir::config;
using weir::ByteCount;
using weir::test::TemporaryDirectory;

namespace {

constexpr ByteCount kMb = ByteCount::mib(1);
constexpr ByteCount kGb = ByteCount::gib(1);

Configuration with(std::initializer_list<std::pair<std::string, std::string>> settings) {
  Configuration configuration;
  for (const auto& [key, value] : settings) configuration.set(key, value, "c.yaml:1");
  return configuration;
}

MemoryLimits machine(ByteCount bytes, std::optional<ByteCount> container = std::nullopt) {
  MemoryLimits limits;
  limits.machine = bytes;
  limits.container = container;
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
  CHECK(limits.machine == kGb * 8);
  CHECK_FALSE(limits.container.has_value());
}

TEST_CASE("memory limits: version 2, the smallest of a group and those above it") {
  CHECK(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "1073741824\n"}}).container == kGb);
  CHECK(limits_of({{"proc/self/cgroup", "0::/a/b\n"},
                   {"sys/fs/cgroup/a/b/memory.max", "max\n"},
                   {"sys/fs/cgroup/a/memory.max", "2147483648\n"},
                   {"sys/fs/cgroup/memory.max", "4294967296\n"}})
            .container == kGb * 2);
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "max\n"}}).container.has_value());
}

TEST_CASE("memory limits: version 1, also where the group's path is only seen by the host") {
  CHECK(limits_of({{"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/77\n"},
                   {"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"}})
            .container == kGb);
  CHECK(limits_of({{"proc/self/cgroup", "4:memory:/s\n"},
                   {"sys/fs/cgroup/memory/s/memory.limit_in_bytes", "1073741824\n"},
                   {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}})
            .container == kGb);
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "4:memory:/\n"},
                         {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}})
                  .container.has_value());
}

TEST_CASE("memory limits: broken files are no limits, but a machine without a size is an error") {
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "nonsense\n\n::\n0:x\n"}, {"sys/fs/cgroup/memory.max", "lots\n"}})
                  .container.has_value());
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/memory.max", "0\n"}}).container.has_value());
  CHECK_FALSE(limits_of({{"proc/self/cgroup", "0::/../../../..\n"}}).container.has_value());
  TemporaryDirectory root;
  CHECK(read_memory_limits(root.string()).error().code == weir::ErrorCode::io);
  root.write("proc/meminfo", "MemFree: 1 kB\n");
  CHECK_FALSE(read_memory_limits(root.string()).ok());
}

TEST_CASE("memory limits: those of this machine are read") {
  auto limits = read_memory_limits("/");
  REQUIRE(limits.ok());
  CHECK(limits.value().machine > kMb * 64);
}

TEST_CASE("memory: the size set goes before the container's, and that before half of the machine") {
  auto process = [](const Configuration& configuration, const MemoryLimits& limits) {
    return divide_memory(configuration, limits).value().process;
  };
  CHECK(process({}, machine(kGb * 8)) == kGb * 4);
  CHECK(process({}, machine(kGb * 8, kGb)) == kGb);
  CHECK(process(with({{"taskmanager.memory.flink.size", "512m"}}), machine(kGb * 8, kGb)) == kMb * 512);
  CHECK(process(with({{"taskmanager.memory.process.size", "768m"}, {"taskmanager.memory.flink.size", "512m"}}),
                machine(kGb * 8, kGb)) == kMb * 768);
}

TEST_CASE("memory: blocks take their fraction within their bounds, and slots share what the daemon leaves") {
  auto budget =
      divide_memory(with({{"taskmanager.memory.process.size", "2 gb"}, {"taskmanager.numberOfTaskSlots", "4"}}),
                    machine(kGb * 8))
          .value();
  CHECK(budget.daemon == kMb * 64);
  CHECK(budget.network == kGb * 2 / 10);
  CHECK(budget.slot == (kGb * 2 - kMb * 64) / 4);
  CHECK(budget.slot_network == kGb * 2 / 10 / 4);
  CHECK(budget.reason == "taskmanager.memory.process.size");
  CHECK(divide_memory(with({{"taskmanager.memory.process.size", "400 mb"}}), machine(kGb * 8)).value().network ==
        kMb * 64);
  CHECK(divide_memory(with({{"taskmanager.memory.network.max", "100 mb"}}), machine(kGb * 8)).value().network ==
        kMb * 100);
}

TEST_CASE("memory: what does not fit is one sentence with the way out") {
  auto refused = [](const Configuration& configuration, const MemoryLimits& limits) {
    return divide_memory(configuration, limits).error().message;
  };
  CHECK(refused(with({{"taskmanager.memory.process.size", "100m"}, {"taskmanager.numberOfTaskSlots", "4"}}),
                machine(kGb * 8)) ==
        "c.yaml:1: taskmanager.memory.process.size (100 mb) is too little for 4 slots: at least 192 mb; raise "
        "taskmanager.memory.process.size or "
        "lower taskmanager.numberOfTaskSlots");
  CHECK(refused({}, machine(kGb * 8, kMb * 90))
            .starts_with("the container's limit (90 mb) is too little for 1 slots: at least 144 mb"));
  CHECK(refused(with({{"taskmanager.memory.process.size", "2g"}}), machine(kGb * 8, kGb)) ==
        "c.yaml:1: taskmanager.memory.process.size (2 gb) is more than the container has (1024 mb); the kernel would "
        "end the process");
  CHECK(refused(with({{"taskmanager.memory.flink.size", "20g"}}), machine(kGb * 8))
            .find("more than the machine has (8192 mb)") != std::string::npos);
  CHECK(refused(with({{"taskmanager.memory.process.size", "1g"}, {"taskmanager.memory.flink.size", "2g"}}),
                machine(kGb * 8))
            .find("is less than") != std::string::npos);
  CHECK(refused(with({{"taskmanager.numberOfTaskSlots", "none"}}), machine(kGb * 8))
            .starts_with("c.yaml:1: taskmanager.numberOfTaskSlots"));
}

TEST_CASE("memory: the smallest size named in the error is accepted, and no budget exceeds its process") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937 random(weir::test::seed());
  for (int i = 0; i < 300; ++i) {
    Configuration configuration = with({{"taskmanager.memory.process.size", std::to_string(random() % 4000) + " mb"},
                                        {"taskmanager.numberOfTaskSlots", std::to_string(1 + random() % 32)},
                                        {"taskmanager.memory.network.fraction", "0." + std::to_string(random() % 9)}});
    auto budget = divide_memory(configuration, machine(kGb * 64));
    if (!budget.ok()) {
      std::string message = budget.error().message;
      std::size_t at = message.find("at least ") + 9;
      configuration.set("taskmanager.memory.process.size", message.substr(at, message.find(';') - at), "again");
      INFO(message);
      budget = divide_memory(configuration, machine(kGb * 64));
      REQUIRE(budget.ok());
    }
    CHECK(budget->network + budget->daemon <= budget->process);
    CHECK(budget->slot_network <= budget->slot);
    CHECK(budget->slot - budget->slot_network >= kSlotMemoryMin);
  }
}
