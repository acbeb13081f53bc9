// What many tasks have in common: counts, sums, times, spreads. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "jobmanager/rest/snapshot.h"

namespace weir::jobmanager::rest {

/// Tasks by status.
using StatusCounts = std::array<int, kTaskStatuses>;
StatusCounts count_statuses(const std::vector<SubtaskDetails>& subtasks);

/// A vertex's status from those of its tasks, by Flink's rule: one failed, cancelling, canceled, initializing or
/// running task decides, in this order; all must have finished for it to be finished; everything earlier is "created".
TaskStatus vertex_status(const StatusCounts& counts);

/// Begin, end and length of a task's or a vertex's work.
struct Span {
  Timestamp start = kNever;  ///< of its deployment
  Timestamp end = kNever;
  std::int64_t duration = kNever;  ///< until now while it lasts
};
Span span_of(const SubtaskDetails& subtask, Timestamp now);
/// From the first task's start to the last one's end, once all have ended.
Span span_of(const std::vector<SubtaskDetails>& subtasks, Timestamp now);

/// How long a task was in a status that it has entered: until the next one, or now. -1 where it never was.
std::int64_t status_duration(const SubtaskDetails& subtask, TaskStatus status, Timestamp now);

/// All counters added up; complete when all are.
TaskCounters total_of(const std::vector<SubtaskDetails>& subtasks);

/// The spread of a number over tasks.
struct Spread {
  std::int64_t min = 0, max = 0, avg = 0, sum = 0, median = 0, p25 = 0, p75 = 0, p95 = 0;
};
/// Percentiles are interpolated between neighbours at position p * (n + 1), as Flink's are. All zero for no values.
Spread spread_of(std::vector<std::int64_t> values);

}  // namespace weir::jobmanager::rest
