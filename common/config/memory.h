// How the memory of a TaskManager is divided.
#pragma once

#include <optional>
#include <string>

#include "common/base/byte_count.h"
#include "common/config/configuration.h"
#include "weir/result.h"

namespace weir::config {

/// What the machine and the container allow.
struct MemoryLimits {
  std::optional<ByteCount> container;  ///< the smallest limit of the process's control groups; nothing without one
  ByteCount machine;
};

/// Reads the limits of this process. `root` is "/" but in tests: below it stand `proc/meminfo`, `proc/self/cgroup` and
/// `sys/fs/cgroup`. Control groups of version 2 and 1, with the limits of the groups above.
/// Errors: io when meminfo cannot be read or has no MemTotal; a missing control group is no error.
Result<MemoryLimits> read_memory_limits(const std::string& root);

/// The division. All of it lies inside `process`.
struct MemoryBudget {
  ByteCount process;       ///< the TaskManager and its workers together
  ByteCount daemon;        ///< the TaskManager itself
  ByteCount network;       ///< blocks that travel between tasks, of all slots together; part of their shares
  ByteCount slot;          ///< one slot's share: blocks, state, and what user code allocates
  ByteCount slot_network;  ///< the part of a slot's share that is blocks
  std::string reason;      ///< where `process` comes from, in words for the log
};

/// What the TaskManager itself keeps.
inline constexpr ByteCount kDaemonMemory = ByteCount::mib(64);
/// A slot with less is of no use, blocks not counted.
inline constexpr ByteCount kSlotMemoryMin = ByteCount::mib(16);

/// Divides the memory: taskmanager.memory.process.size, else taskmanager.memory.flink.size, else the container's limit,
/// else half of the machine. Pure.
/// Errors: invalid_argument when the sizes contradict each other or what there is, and when the process is too small
/// for its slots: a sentence with the smallest size that would do.
Result<MemoryBudget> divide_memory(const Configuration& configuration, const MemoryLimits& limits);

}  // namespace weir::config
