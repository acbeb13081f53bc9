// What many tasks have in common: counts, sums, times, spreads. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "jobmanager/model/job_details.h"
#include "jobmanager/rest/times.h"

namespace weir::jobmanager::rest {

/// Some tasks of one vertex; none is null. Valid while the vertex's details live.
using Subtasks = std::vector<const SubtaskDetails*>;
Subtasks subtasks_of(const VertexDetails& vertex);

StatusCounts count_statuses(const Subtasks& subtasks);

/// Begin, end and length of a task's or a vertex's work, in milliseconds; kNever where they are not known.
struct Span {
  std::int64_t start = kNever;  ///< of its deployment, since 1970-01-01 UTC
  std::int64_t end = kNever;
  std::int64_t duration = kNever;  ///< until now while it lasts
};
Span span_of(const SubtaskDetails& subtask, WallTime now);
/// From the first task's start to the last one's end, once all have ended.
Span span_of(const Subtasks& subtasks, WallTime now);

/// How long a task was in a status that it has entered, in milliseconds: until the next one, or now. kNever where it
/// never was.
std::int64_t status_duration(const SubtaskDetails& subtask, TaskStatus status, WallTime now);

/// Whether a task's counters are known, or will not change any more.
bool is_counted(const SubtaskDetails& subtask);

/// Counters of several tasks.
struct CounterTotal {
  TaskCounters counters;    ///< added up
  bool is_complete = true;  ///< all tasks are counted
};
CounterTotal total_of(const Subtasks& subtasks);

/// The spread of a number over tasks.
struct Spread {
  std::int64_t min = 0, max = 0, avg = 0, sum = 0, median = 0, p25 = 0, p75 = 0, p95 = 0;
};
/// Percentiles are interpolated between neighbours at position p * (n + 1), as Flink's are. All zero for no values.
Spread spread_of(std::vector<std::int64_t> values);

}  // namespace weir::jobmanager::rest
