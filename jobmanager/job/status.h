// How jobs and tasks fare, in Flink's words. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::jobmanager {

/// What people are told of a job. Inside, a job has a phase, which decides it.
enum class JobStatus : std::uint8_t {
  initializing,
  created,
  running,
  failing,
  failed,
  cancelling,
  canceled,
  finished,
  restarting,
  suspended,
  reconciling,
};
inline constexpr std::size_t kJobStatuses = 11;

/// "RUNNING", "CANCELLING".
std::string_view name_of(JobStatus status);
/// FAILED, CANCELED or FINISHED: the job will never run again.
bool is_over(JobStatus status);
/// Flink's edges between job states.
bool may_follow(JobStatus from, JobStatus to);

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
/// FINISHED, CANCELED or FAILED.
bool is_over(TaskStatus status);
/// Whether a task may go from one to the other. Steps on the way may be left out, as when reports overtake each other;
/// steps back may not.
bool may_follow(TaskStatus from, TaskStatus to);

using TaskCounts = std::array<std::size_t, kTaskStatuses>;  ///< tasks by status

/// A vertex's status, from those of its tasks: Flink's rule.
TaskStatus vertex_status(const TaskCounts& counts);

}  // namespace weir::jobmanager
