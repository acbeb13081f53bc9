// How the memory of a TaskManager is divided.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/weir/result.h"
#include "common/config/configuration.h"

namespace weir::config {

/// What the machine and the container allow.
struct MemoryLimits {
  std::optional<std::int64_t> container_bytes;  ///< the smallest limit of the process's control groups; nothing without one
  std::int64_t machine_bytes = 0;
};

/// Reads the limits of this process. `root` is "/" but in tests: below it stand `proc/meminfo`, `proc/self/cgroup` and
/// `sys/fs/cgroup`. Control groups of version 2 and 1, with the limits of the groups above.
/// Errors: io when meminfo cannot be read or has no MemTotal; a missing control group is no error.
Result<MemoryLimits> read_memory_limits(const std::string& root);

/// The division. All of it lies inside `process_bytes`.
struct MemoryBudget {
  std::int64_t process_bytes = 0;  ///< the TaskManager and its workers together
  std::int64_t daemon_bytes = 0;   ///< the TaskManager itself
  std::int64_t network_bytes = 0;  ///< blocks that travel between tasks, of all slots together; part of their shares
  std::int64_t slot_bytes = 0;     ///< one slot's share: blocks, state, and what user code allocates
  std::int64_t slot_network_bytes = 0;  ///< the part of a slot's share that is blocks
  std::string reason;  ///< where process_bytes comes from, in words for the log
};

/// What the TaskManager itself keeps.
inline constexpr std::int64_t kDaemonBytes = 64LL * 1024 * 1024;
/// A slot with less is of no use, blocks not counted.
inline constexpr std::int64_t kSlotBytesMin = 16LL * 1024 * 1024;

/// Divides the memory: taskmanager.memory.process.size, else taskmanager.memory.flink.size, else the container's limit,
/// else half of the machine. Pure.
/// Errors: invalid_argument when the sizes contradict each other or what there is, and when the process is too small for
/// its slots: a sentence with the smallest size that would do.
Result<MemoryBudget> divide_memory(const Configuration& configuration, const MemoryLimits& limits);

}  // namespace weir::config
