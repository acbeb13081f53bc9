#include "jobmanager/rest/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weir::jobmanager::rest {

namespace {

int at(const StatusCounts& counts, TaskStatus status) { return counts[static_cast<std::size_t>(status)]; }

std::int64_t percentile(const std::vector<std::int64_t>& sorted, double fraction) {
  double position = fraction * static_cast<double>(sorted.size() + 1);
  if (position < 1) return sorted.front();
  if (position >= static_cast<double>(sorted.size())) return sorted.back();
  double below = std::floor(position);
  std::size_t index = static_cast<std::size_t>(below) - 1;
  double step = static_cast<double>(sorted[index + 1] - sorted[index]);
  return sorted[index] + static_cast<std::int64_t>((position - below) * step);
}

}  // namespace

StatusCounts count_statuses(const std::vector<SubtaskDetails>& subtasks) {
  StatusCounts counts{};
  for (const SubtaskDetails& subtask : subtasks) ++counts[static_cast<std::size_t>(subtask.status)];
  return counts;
}

TaskStatus vertex_status(const StatusCounts& counts) {
  for (TaskStatus decisive : {TaskStatus::failed, TaskStatus::canceling, TaskStatus::canceled, TaskStatus::initializing,
                              TaskStatus::running}) {
    if (at(counts, decisive) > 0) return decisive;
  }
  int finished = at(counts, TaskStatus::finished);
  if (finished == 0) return TaskStatus::created;
  bool all = finished == std::accumulate(counts.begin(), counts.end(), 0);
  return all ? TaskStatus::finished : TaskStatus::running;
}

Span span_of(const SubtaskDetails& subtask, Timestamp now) {
  Span span;
  Timestamp start = subtask.entered[static_cast<std::size_t>(TaskStatus::deploying)];
  if (is_over(subtask.status)) span.end = subtask.entered[static_cast<std::size_t>(subtask.status)];
  if (start <= 0) return span;
  span.start = start;
  span.duration = std::max<std::int64_t>(0, (span.end > 0 ? span.end : now) - start);
  return span;
}

Span span_of(const std::vector<SubtaskDetails>& subtasks, Timestamp now) {
  Span whole;
  bool all_over = !subtasks.empty();
  for (const SubtaskDetails& subtask : subtasks) {
    Span span = span_of(subtask, now);
    if (span.start > 0 && (whole.start < 0 || span.start < whole.start)) whole.start = span.start;
    whole.end = std::max(whole.end, span.end);
    all_over = all_over && is_over(subtask.status);
  }
  if (!all_over) whole.end = kNever;
  if (whole.start > 0) whole.duration = std::max<std::int64_t>(0, (whole.end > 0 ? whole.end : now) - whole.start);
  return whole;
}

std::int64_t status_duration(const SubtaskDetails& subtask, TaskStatus status, Timestamp now) {
  Timestamp entered = subtask.entered[static_cast<std::size_t>(status)];
  if (entered <= 0) return kNever;
  Timestamp left = now;
  for (std::size_t other = 0; other < kTaskStatuses; ++other) {
    bool later = static_cast<TaskStatus>(other) != status && subtask.entered[other] >= entered &&
                 other > static_cast<std::size_t>(status);
    if (later && subtask.entered[other] > 0) left = std::min(left, subtask.entered[other]);
  }
  return std::max<std::int64_t>(0, left - entered);
}

TaskCounters total_of(const std::vector<SubtaskDetails>& subtasks) {
  TaskCounters total;
  for (const SubtaskDetails& subtask : subtasks) {
    const TaskCounters& one = subtask.counters;
    total.records_in += one.records_in;
    total.records_out += one.records_out;
    total.bytes_in += one.bytes_in;
    total.bytes_out += one.bytes_out;
    total.busy_ms += one.busy_ms;
    total.idle_ms += one.idle_ms;
    total.backpressured_ms += one.backpressured_ms;
    total.complete = total.complete && one.complete;
    for (const auto& [name, value] : one.user) total.user[name] += value;
  }
  return total;
}

Spread spread_of(std::vector<std::int64_t> values) {
  Spread spread;
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  spread.min = values.front();
  spread.max = values.back();
  spread.sum = std::accumulate(values.begin(), values.end(), std::int64_t{0});
  spread.avg = spread.sum / static_cast<std::int64_t>(values.size());
  spread.median = percentile(values, 0.5);
  spread.p25 = percentile(values, 0.25);
  spread.p75 = percentile(values, 0.75);
  spread.p95 = percentile(values, 0.95);
  return spread;
}

}  // namespace weir::jobmanager::rest
