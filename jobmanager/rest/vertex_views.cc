#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>

#include "jobmanager/rest/summary.h"
#include "jobmanager/rest/view_parts.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

constexpr std::string_view kUnassigned = "(unassigned)";

json::string endpoint_of(const SubtaskDetails& subtask) {
  if (!subtask.place) return json::string(kUnassigned);
  return text(fmt::format("{}:{}", subtask.place->host, subtask.place->data_port));
}

json::string host_of(const SubtaskDetails& subtask) {
  return subtask.place ? text(subtask.place->host) : json::string(kUnassigned);
}

json::string task_manager_of(const SubtaskDetails& subtask) {
  return subtask.place ? text(subtask.place->id.to_string()) : json::string(kUnassigned);
}

json::object subtask_object(const SubtaskDetails& subtask, WallTime now) {
  json::object object;
  object["subtask"] = subtask.subtask;
  object["status"] = name_of(subtask.status);
  object["attempt"] = subtask.attempt;
  object["host"] = host_of(subtask);
  object["endpoint"] = endpoint_of(subtask);
  Span span = span_of(subtask, now);
  add_span(object, span);
  object["metrics"] = io_metrics(subtask.counters, is_counted(subtask));
  object["taskmanager-id"] = task_manager_of(subtask);
  json::object durations;
  for (TaskStatus status : {TaskStatus::created, TaskStatus::scheduled, TaskStatus::deploying, TaskStatus::initializing,
                            TaskStatus::running}) {
    durations[name_of(status)] = status_duration(subtask, status, now);
  }
  object["status-duration"] = std::move(durations);
  object["start_time"] = span.start;  // Flink writes it twice
  return object;
}

/// The tasks of a vertex that one TaskManager has.
json::object task_manager_object(const Subtasks& subtasks, WallTime now) {
  const StatusCounts counts = count_statuses(subtasks);
  const CounterTotal total = total_of(subtasks);
  json::object object;
  object["host"] = endpoint_of(*subtasks.front());
  object["endpoint"] = endpoint_of(*subtasks.front());
  object["status"] = name_of(vertex_status(counts));
  add_span(object, span_of(subtasks, now));
  object["metrics"] = io_metrics(total.counters, total.is_complete);
  object["status-counts"] = status_counts(counts);
  object["taskmanager-id"] = task_manager_of(*subtasks.front());
  object["aggregated"] = aggregated(subtasks, now);
  return object;
}

}  // namespace

std::string vertex_view(const VertexDetails& vertex, WallTime now) {
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["parallelism"] = vertex.subtasks.size();
  answer["maxParallelism"] = vertex.max_parallelism;
  answer["now"] = millis(now);
  json::array subtasks;
  for (const SubtaskDetails& subtask : vertex.subtasks) subtasks.push_back(subtask_object(subtask, now));
  answer["subtasks"] = std::move(subtasks);
  answer["aggregated"] = aggregated(subtasks_of(vertex), now);
  return json::serialize(answer);
}

std::string vertex_accumulators_view(const VertexDetails& vertex) {
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["user-accumulators"] = accumulators(total_of(subtasks_of(vertex)).counters.user);
  return json::serialize(answer);
}

std::string vertex_times_view(const VertexDetails& vertex, WallTime now) {
  json::array subtasks;
  for (const SubtaskDetails& subtask : vertex.subtasks) {
    json::object object;
    object["subtask"] = subtask.subtask;
    object["host"] = host_of(subtask);
    object["endpoint"] = endpoint_of(subtask);
    // From its scheduling on, as Flink counts it here, unlike in the vertex itself.
    const auto& scheduled = time_of(subtask.entered, TaskStatus::scheduled);
    const WallTime end = is_over(subtask.status) ? time_of(subtask.entered, subtask.status).value_or(now) : now;
    object["duration"] = scheduled ? (end - *scheduled).count() : kNever;
    json::object timestamps;
    for (std::size_t i = 0; i < kTaskStatuses; ++i) {
      timestamps[name_of(static_cast<TaskStatus>(i))] = millis_or(subtask.entered[i], 0);
    }
    object["timestamps"] = std::move(timestamps);
    subtasks.push_back(std::move(object));
  }
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["now"] = millis(now);
  answer["subtasks"] = std::move(subtasks);
  return json::serialize(answer);
}

std::string vertex_task_managers_view(const VertexDetails& vertex, WallTime now) {
  std::map<std::string, Subtasks> by_task_manager;
  for (const SubtaskDetails& subtask : vertex.subtasks)
    by_task_manager[subtask.place ? subtask.place->id.to_string() : ""].push_back(&subtask);
  json::array list;
  for (const auto& [id, subtasks] : by_task_manager) list.push_back(task_manager_object(subtasks, now));
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["now"] = millis(now);
  answer["taskmanagers"] = std::move(list);
  return json::serialize(answer);
}

std::string subtask_view(const SubtaskDetails& subtask, WallTime now) {
  return json::serialize(subtask_object(subtask, now));
}

}  // namespace weir::jobmanager::rest
