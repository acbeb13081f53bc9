#include "jobmanager/rest/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weir::jobmanager::rest {

namespace {

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

Subtasks subtasks_of(const VertexDetails& vertex) {
  Subtasks subtasks;
  subtasks.reserve(vertex.subtasks.size());
  for (const SubtaskDetails& subtask : vertex.subtasks) subtasks.push_back(&subtask);
  return subtasks;
}

StatusCounts count_statuses(const Subtasks& subtasks) {
  StatusCounts counts{};
  for (const SubtaskDetails* subtask : subtasks) ++counts[static_cast<std::size_t>(subtask->status)];
  return counts;
}

Span span_of(const SubtaskDetails& subtask, WallTime now) {
  Span span;
  if (is_over(subtask.status)) span.end = millis_or(time_of(subtask.entered, subtask.status), kNever);
  const auto& deployed = time_of(subtask.entered, TaskStatus::deploying);
  if (!deployed) return span;
  span.start = millis(*deployed);
  span.duration = std::max<std::int64_t>(0, (span.end != kNever ? span.end : millis(now)) - span.start);
  return span;
}

Span span_of(const Subtasks& subtasks, WallTime now) {
  Span whole;
  bool all_over = !subtasks.empty();
  for (const SubtaskDetails* subtask : subtasks) {
    const Span span = span_of(*subtask, now);
    if (span.start != kNever && (whole.start == kNever || span.start < whole.start)) whole.start = span.start;
    whole.end = std::max(whole.end, span.end);
    all_over = all_over && is_over(subtask->status);
  }
  if (!all_over) whole.end = kNever;
  if (whole.start != kNever)
    whole.duration = std::max<std::int64_t>(0, (whole.end != kNever ? whole.end : millis(now)) - whole.start);
  return whole;
}

std::int64_t status_duration(const SubtaskDetails& subtask, TaskStatus status, WallTime now) {
  const auto& entered = time_of(subtask.entered, status);
  if (!entered) return kNever;
  WallTime left = now;
  for (std::size_t later = static_cast<std::size_t>(status) + 1; later < kTaskStatuses; ++later) {
    const auto& next = subtask.entered[later];
    if (next && *next >= *entered) left = std::min(left, *next);
  }
  return std::max<std::int64_t>(0, (left - *entered).count());
}

bool is_counted(const SubtaskDetails& subtask) { return subtask.has_counted || is_over(subtask.status); }

CounterTotal total_of(const Subtasks& subtasks) {
  CounterTotal total;
  for (const SubtaskDetails* subtask : subtasks) {
    total.counters += subtask->counters;
    total.is_complete = total.is_complete && is_counted(*subtask);
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
