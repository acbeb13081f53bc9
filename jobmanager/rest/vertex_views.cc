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
  if (subtask.host.empty()) return json::string(kUnassigned);
  return text(fmt::format("{}:{}", subtask.host, subtask.data_port));
}

json::string host_of(const SubtaskDetails& subtask) {
  return subtask.host.empty() ? json::string(kUnassigned) : text(subtask.host);
}

json::object subtask_object(const SubtaskDetails& subtask, Timestamp now) {
  json::object object;
  object["subtask"] = subtask.subtask;
  object["status"] = name_of(subtask.status);
  object["attempt"] = subtask.attempt;
  object["host"] = host_of(subtask);
  object["endpoint"] = endpoint_of(subtask);
  Span span = span_of(subtask, now);
  add_span(object, span);
  object["metrics"] = io_metrics(subtask.counters);
  object["taskmanager-id"] =
      subtask.task_manager_id.empty() ? json::string(kUnassigned) : text(subtask.task_manager_id);
  json::object durations;
  for (TaskStatus status : {TaskStatus::created, TaskStatus::scheduled, TaskStatus::deploying, TaskStatus::initializing,
                            TaskStatus::running}) {
    durations[name_of(status)] = status_duration(subtask, status, now);
  }
  object["status-duration"] = std::move(durations);
  object["start_time"] = span.start;  // Flink writes it twice
  return object;
}

json::object task_manager_object(const std::string& id, const std::vector<SubtaskDetails>& subtasks, Timestamp now) {
  StatusCounts counts = count_statuses(subtasks);
  json::object object;
  object["host"] = endpoint_of(subtasks.front());
  object["endpoint"] = endpoint_of(subtasks.front());
  object["status"] = name_of(vertex_status(counts));
  add_span(object, span_of(subtasks, now));
  object["metrics"] = io_metrics(total_of(subtasks));
  object["status-counts"] = status_counts(counts);
  object["taskmanager-id"] = id.empty() ? json::string(kUnassigned) : text(id);
  object["aggregated"] = aggregated(subtasks, now);
  return object;
}

}  // namespace

std::string vertex_view(const VertexDetails& vertex, Timestamp now) {
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["parallelism"] = vertex.subtasks.size();
  answer["maxParallelism"] = vertex.max_parallelism;
  answer["now"] = now;
  json::array subtasks;
  for (const SubtaskDetails& subtask : vertex.subtasks) subtasks.push_back(subtask_object(subtask, now));
  answer["subtasks"] = std::move(subtasks);
  answer["aggregated"] = aggregated(vertex.subtasks, now);
  return json::serialize(answer);
}

std::string vertex_accumulators_view(const VertexDetails& vertex) {
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["user-accumulators"] = accumulators(total_of(vertex.subtasks).user);
  return json::serialize(answer);
}

std::string vertex_times_view(const VertexDetails& vertex, Timestamp now) {
  json::array subtasks;
  for (const SubtaskDetails& subtask : vertex.subtasks) {
    json::object object;
    object["subtask"] = subtask.subtask;
    object["host"] = host_of(subtask);
    object["endpoint"] = endpoint_of(subtask);
    // From its scheduling on, as Flink counts it here, unlike in the vertex itself.
    Timestamp start = subtask.entered[static_cast<std::size_t>(TaskStatus::scheduled)];
    Timestamp end = is_over(subtask.status) ? subtask.entered[static_cast<std::size_t>(subtask.status)] : now;
    object["duration"] = start > 0 ? end - start : kNever;
    json::object timestamps;
    for (std::size_t i = 0; i < kTaskStatuses; ++i) {
      timestamps[name_of(static_cast<TaskStatus>(i))] = std::max<Timestamp>(0, subtask.entered[i]);
    }
    object["timestamps"] = std::move(timestamps);
    subtasks.push_back(std::move(object));
  }
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["now"] = now;
  answer["subtasks"] = std::move(subtasks);
  return json::serialize(answer);
}

std::string vertex_task_managers_view(const VertexDetails& vertex, Timestamp now) {
  std::map<std::string, std::vector<SubtaskDetails>> by_task_manager;
  for (const SubtaskDetails& subtask : vertex.subtasks) by_task_manager[subtask.task_manager_id].push_back(subtask);
  json::array list;
  for (const auto& [id, subtasks] : by_task_manager) list.push_back(task_manager_object(id, subtasks, now));
  json::object answer;
  answer["id"] = vertex.id.to_hex();
  answer["name"] = text(vertex.name);
  answer["now"] = now;
  answer["taskmanagers"] = std::move(list);
  return json::serialize(answer);
}

std::string subtask_view(const SubtaskDetails& subtask, Timestamp now) {
  return json::serialize(subtask_object(subtask, now));
}

}  // namespace weir::jobmanager::rest
