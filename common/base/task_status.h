// How a task fares, in Flink's words: the one vocabulary of both daemons. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// Flink's execution states. A TaskManager knows a task from `deploying` on; `created` and `scheduled` are the
/// JobManager's.
enum class TaskStatus : std::uint8_t {
  created,
  scheduled,
  deploying,
  initializing,
  running,
  finished,
  canceling,
  canceled,
  failed,
  reconciling,
};
inline constexpr std::size_t kTaskStatuses = 10;

/// "RUNNING", "CANCELING" (a task's has one L).
std::string_view name_of(TaskStatus status);
/// True for FINISHED, CANCELED and FAILED: nothing changes any more.
bool is_over(TaskStatus status);
/// Whether a task may go from one status to the other. Steps on the way may be left out, because reports may overtake
/// each other; steps back may not.
bool may_follow(TaskStatus from, TaskStatus to);

}  // namespace weir
