#include "jobmanager/rest/view_parts.h"

namespace weir::jobmanager::rest {

namespace {

using Number = std::uint64_t TaskCounters::*;

constexpr std::pair<std::string_view, Number> kAggregatedMetrics[] = {
    {"read-bytes", &TaskCounters::bytes_in},
    {"write-bytes", &TaskCounters::bytes_out},
    {"read-records", &TaskCounters::records_in},
    {"write-records", &TaskCounters::records_out},
    {"accumulated-backpressured-time", &TaskCounters::backpressured_ms},
    {"accumulated-idle-time", &TaskCounters::idle_ms},
    {"accumulated-busy-time", &TaskCounters::busy_ms},
};

constexpr TaskStatus kTimedStatuses[] = {TaskStatus::created, TaskStatus::scheduled, TaskStatus::deploying,
                                         TaskStatus::initializing, TaskStatus::running};

}  // namespace

json::object status_counts(const StatusCounts& counts) {
  json::object object;
  for (std::size_t i = 0; i < kTaskStatuses; ++i) object[name_of(static_cast<TaskStatus>(i))] = counts[i];
  return object;
}

void add_span(json::object& object, const Span& span) {
  object["start-time"] = span.start;
  object["end-time"] = span.end;
  object["duration"] = span.duration;
}

json::object io_metrics(const TaskCounters& counters, bool is_complete) {
  json::object object;
  object["read-bytes"] = counters.bytes_in;
  object["read-bytes-complete"] = is_complete;
  object["write-bytes"] = counters.bytes_out;
  object["write-bytes-complete"] = is_complete;
  object["read-records"] = counters.records_in;
  object["read-records-complete"] = is_complete;
  object["write-records"] = counters.records_out;
  object["write-records-complete"] = is_complete;
  object["accumulated-backpressured-time"] = counters.backpressured_ms;
  object["accumulated-idle-time"] = counters.idle_ms;
  object["accumulated-busy-time"] = static_cast<double>(counters.busy_ms);
  return object;
}

json::object spread_view(const Spread& spread) {
  json::object object;
  object["min"] = spread.min;
  object["max"] = spread.max;
  object["avg"] = spread.avg;
  object["sum"] = spread.sum;
  object["median"] = spread.median;
  object["p25"] = spread.p25;
  object["p75"] = spread.p75;
  object["p95"] = spread.p95;
  return object;
}

json::array accumulators(const std::map<std::string, std::uint64_t>& counters) {
  json::array list;
  for (const auto& [name, value] : counters) {
    // The engine's own counts of an operator are metrics, no accumulators.
    if (name.ends_with(".numRecordsIn") || name.ends_with(".numRecordsOut")) continue;
    json::object object;
    object["name"] = text(name);
    object["type"] = "LongCounter";
    object["value"] = std::to_string(value);
    list.push_back(std::move(object));
  }
  return list;
}

json::object aggregated(const Subtasks& subtasks, WallTime now) {
  json::object metrics;
  for (const auto& [name, number] : kAggregatedMetrics) {
    std::vector<std::int64_t> values;
    for (const SubtaskDetails* subtask : subtasks)
      values.push_back(static_cast<std::int64_t>(subtask->counters.*number));
    metrics[name] = spread_view(spread_of(std::move(values)));
  }
  json::object durations;
  for (TaskStatus status : kTimedStatuses) {
    std::vector<std::int64_t> values;
    for (const SubtaskDetails* subtask : subtasks) values.push_back(status_duration(*subtask, status, now));
    durations[name_of(status)] = spread_view(spread_of(std::move(values)));
  }
  json::object object;
  object["metrics"] = std::move(metrics);
  object["status-duration"] = std::move(durations);
  return object;
}

}  // namespace weir::jobmanager::rest
