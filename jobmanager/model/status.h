// How jobs fare, in Flink's words, and what the statuses of many tasks come to. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/async/clock.h"
#include "common/base/task_status.h"

namespace weir::jobmanager {

/// What people see of a job. Inside the JobManager a job has a phase, which decides its status.
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
/// True for FAILED, CANCELED and FINISHED: the job will never run again.
bool is_over(JobStatus status);
/// Flink's edges between job states.
bool may_follow(JobStatus from, JobStatus to);

/// When a job or a task entered each status, by the status's number; none where it never did.
using JobTimes = std::array<std::optional<WallTime>, kJobStatuses>;
using TaskTimes = std::array<std::optional<WallTime>, kTaskStatuses>;

inline const std::optional<WallTime>& time_of(const JobTimes& times, JobStatus status) {
  return times[static_cast<std::size_t>(status)];
}
inline const std::optional<WallTime>& time_of(const TaskTimes& times, TaskStatus status) {
  return times[static_cast<std::size_t>(status)];
}

/// How many tasks (or vertices) are in each status.
using StatusCounts = std::array<std::size_t, kTaskStatuses>;

/// A vertex's status, from those of its tasks, by Flink's rule: one failed, canceling, canceled, initializing or
/// running task decides, in this order. A vertex is finished when all its tasks are, and CREATED before any of them
/// initializes.
TaskStatus vertex_status(const StatusCounts& counts);

}  // namespace weir::jobmanager
