#include <boost/json.hpp>

#include "common/base/checksum.h"
#include "common/base/hex.h"
#include "common/http/json.h"
#include "jobmanager/rest/summary.h"
#include "jobmanager/rest/view_parts.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

json::object lower_case_counts(const std::array<int, kTaskStatuses>& tasks) {
  json::object counts;
  int total = 0;
  for (std::size_t i = 0; i < kTaskStatuses; ++i) {
    std::string name(name_of(static_cast<TaskStatus>(i)));
    for (char& letter : name) letter = static_cast<char>(letter | 0x20);
    counts[name] = tasks[i];
    total += tasks[i];
  }
  counts["total"] = total;
  return counts;
}

/// Flink names a sharing group by an id; ours follows from the job and the group's name.
std::string sharing_group_id(const JobId& job, const std::string& group) {
  return to_hex(xxh3_128(job.to_hex() + "/" + group));
}

json::object vertex_summary(const JobDetails& job, const VertexDetails& vertex, Timestamp now) {
  StatusCounts counts = count_statuses(vertex.subtasks);
  json::object object;
  object["id"] = vertex.id.to_hex();
  object["slotSharingGroupId"] = sharing_group_id(job.id, vertex.slot_sharing_group);
  object["name"] = text(vertex.name);
  object["maxParallelism"] = vertex.max_parallelism;
  object["parallelism"] = vertex.subtasks.size();
  object["status"] = name_of(vertex_status(counts));
  add_span(object, span_of(vertex.subtasks, now));
  object["tasks"] = status_counts(counts);
  object["metrics"] = io_metrics(total_of(vertex.subtasks));
  return object;
}

json::object exception_entry(const ExceptionEntry& entry) {
  json::object object;
  object["exceptionName"] = text(entry.exception);
  object["stacktrace"] = text(entry.stack_trace);
  object["timestamp"] = entry.timestamp;
  object["failureLabels"] = json::object();
  object["taskName"] = text_or_null(entry.task_name);
  object["location"] = text_or_null(entry.endpoint);
  object["endpoint"] = text_or_null(entry.endpoint);
  object["taskManagerId"] = text_or_null(entry.task_manager_id);
  return object;
}

/// The embedded plan, which comes as text.
json::value plan_value(const std::string& plan_json) {
  boost::system::error_code error;
  json::value plan = json::parse(plan_json, error);
  return error ? json::value(json::object()) : plan;
}

std::string_view application_status(JobStatus status) {
  switch (status) {
    case JobStatus::finished: return "SUCCEEDED";
    case JobStatus::failed: return "FAILED";
    case JobStatus::canceled: return "CANCELED";
    default: return "UNKNOWN";
  }
}

std::int64_t duration_of(Timestamp start, Timestamp end, Timestamp now) { return (end > 0 ? end : now) - start; }

}  // namespace

std::string jobs_view(const std::vector<JobSummary>& jobs) {
  json::array list;
  for (const JobSummary& job : jobs) {
    json::object object;
    object["id"] = job.id.to_hex();
    object["status"] = name_of(job.status);
    list.push_back(std::move(object));
  }
  json::object answer;
  answer["jobs"] = std::move(list);
  return json::serialize(answer);
}

std::string jobs_overview_view(const std::vector<JobSummary>& jobs, Timestamp now) {
  json::array list;
  for (const JobSummary& job : jobs) {
    json::object object;
    object["jid"] = job.id.to_hex();
    object["name"] = text(job.name);
    object["start-time"] = job.start;
    object["end-time"] = job.end;
    object["duration"] = duration_of(job.start, job.end, now);
    object["state"] = name_of(job.status);
    object["last-modification"] = job.last_modification;
    object["tasks"] = lower_case_counts(job.tasks);
    list.push_back(std::move(object));
  }
  json::object answer;
  answer["jobs"] = std::move(list);
  return json::serialize(answer);
}

std::string job_view(const JobDetails& job, Timestamp now) {
  json::object object;
  object["jid"] = job.id.to_hex();
  object["name"] = text(job.name);
  object["isStoppable"] = false;
  object["state"] = name_of(job.status);
  object["job-type"] = job.is_batch ? "BATCH" : "STREAMING";
  object["start-time"] = job.start;
  object["end-time"] = job.end;
  object["duration"] = duration_of(job.start, job.end, now);
  object["maxParallelism"] = -1;
  object["now"] = now;
  json::object timestamps;
  for (std::size_t i = 0; i < kJobStatuses; ++i) {
    timestamps[name_of(static_cast<JobStatus>(i))] = std::max<Timestamp>(0, job.entered[i]);
  }
  object["timestamps"] = std::move(timestamps);

  json::array vertices;
  StatusCounts statuses{};
  for (const VertexDetails& vertex : job.vertices) {
    vertices.push_back(vertex_summary(job, vertex, now));
    ++statuses[static_cast<std::size_t>(vertex_status(count_statuses(vertex.subtasks)))];
  }
  object["vertices"] = std::move(vertices);
  object["status-counts"] = status_counts(statuses);
  object["plan"] = plan_value(job.plan_json);
  return json::serialize(object);
}

std::string job_plan_view(const std::string& plan_json) {
  json::object answer;
  answer["plan"] = plan_value(plan_json);
  return json::serialize(answer);
}

std::string job_config_view(const JobDetails& job) {
  json::object execution;
  execution["execution-mode"] = "PIPELINED";
  execution["restart-strategy"] = text(job.restart_strategy);
  execution["job-parallelism"] = job.parallelism;
  execution["object-reuse-mode"] = true;
  json::object user;
  for (const auto& [key, value] : job.user_configuration) user[text(key)] = text(value);
  execution["user-config"] = std::move(user);
  json::object answer;
  answer["jid"] = job.id.to_hex();
  answer["name"] = text(job.name);
  answer["execution-config"] = std::move(execution);
  return json::serialize(answer);
}

std::string job_exceptions_view(const JobDetails& job, std::size_t entries_max) {
  json::array entries;
  for (const ExceptionEntry& entry : job.exceptions) {
    if (entries.size() == entries_max) break;
    json::object object = exception_entry(entry);
    json::array concurrent;
    for (const ExceptionEntry& other : entry.concurrent) concurrent.push_back(exception_entry(other));
    object["concurrentExceptions"] = std::move(concurrent);
    entries.push_back(std::move(object));
  }
  bool truncated = job.exceptions.size() > entries_max;
  json::object answer;
  answer["root-exception"] = nullptr;
  answer["timestamp"] = nullptr;
  if (!job.exceptions.empty()) {
    answer["root-exception"] = text(job.exceptions.front().stack_trace);
    answer["timestamp"] = job.exceptions.front().timestamp;
  }
  answer["all-exceptions"] = json::array();
  answer["truncated"] = truncated;
  json::object history;
  history["entries"] = std::move(entries);
  history["truncated"] = truncated;
  answer["exceptionHistory"] = std::move(history);
  return json::serialize(answer);
}

std::string job_status_view(const JobDetails& job) {
  json::object answer;
  answer["status"] = name_of(job.status);
  return json::serialize(answer);
}

std::string job_result_view(const JobDetails& job) {
  json::object answer;
  bool over = is_over(job.status);
  json::object status;
  status["id"] = over ? "COMPLETED" : "IN_PROGRESS";
  answer["status"] = std::move(status);
  if (!over) return json::serialize(answer);

  json::object result;
  result["id"] = job.id.to_hex();
  result["application-status"] = application_status(job.status);
  result["accumulator-results"] = json::object();
  result["net-runtime"] = std::max<std::int64_t>(0, job.end - job.start);
  if (job.status == JobStatus::failed && !job.exceptions.empty()) {
    json::object cause;
    cause["class"] = text(job.exceptions.front().exception);
    cause["stack-trace"] = text(job.exceptions.front().stack_trace);
    cause["serialized-throwable"] = "";
    result["failure-cause"] = std::move(cause);
  }
  answer["job-execution-result"] = std::move(result);
  return json::serialize(answer);
}

std::string job_accumulators_view(const JobDetails& job) {
  std::map<std::string, std::uint64_t> totals;
  for (const VertexDetails& vertex : job.vertices) {
    for (const auto& [name, value] : total_of(vertex.subtasks).user) totals[name] += value;
  }
  json::object answer;
  answer["job-accumulators"] = json::array();
  answer["user-task-accumulators"] = accumulators(totals);
  answer["serialized-user-task-accumulators"] = json::object();
  return json::serialize(answer);
}

std::string job_started_view(const JobId& id) {
  json::object answer;
  answer["jobid"] = id.to_hex();
  return json::serialize(answer);
}

}  // namespace weir::jobmanager::rest
