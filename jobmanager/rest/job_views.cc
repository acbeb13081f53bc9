#include <boost/json.hpp>

#include "common/base/checksum.h"
#include "common/base/hex.h"
#include "common/http/json.h"
#include "jobmanager/rest/summary.h"
#include "jobmanager/rest/view_parts.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

json::object lower_case_counts(const StatusCounts& tasks) {
  json::object counts;
  std::size_t total = 0;
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

json::object vertex_summary(const JobId& job, const VertexDetails& vertex, WallTime now) {
  const Subtasks subtasks = subtasks_of(vertex);
  const StatusCounts counts = count_statuses(subtasks);
  const CounterTotal total = total_of(subtasks);
  json::object object;
  object["id"] = vertex.id.to_hex();
  object["slotSharingGroupId"] = sharing_group_id(job, vertex.slot_sharing_group);
  object["name"] = text(vertex.name);
  object["maxParallelism"] = vertex.max_parallelism;
  object["parallelism"] = vertex.subtasks.size();
  object["status"] = name_of(vertex_status(counts));
  add_span(object, span_of(subtasks, now));
  object["tasks"] = status_counts(counts);
  object["metrics"] = io_metrics(total.counters, total.is_complete);
  return object;
}

json::object exception_entry(const LocatedFailure& entry) {
  json::object object;
  object["exceptionName"] = text(entry.failure.exception);
  object["stacktrace"] = text(entry.failure.to_text());
  object["timestamp"] = millis(entry.failure.time);
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

std::int64_t duration_of(WallTime start, const std::optional<WallTime>& end, WallTime now) {
  return (end.value_or(now) - start).count();
}

/// What was accepted and has no effect; no field when there is nothing to say.
void add_warnings(json::object& answer, const std::vector<std::string>& warnings) {
  if (warnings.empty()) return;
  json::array list;
  for (const std::string& warning : warnings) list.push_back(text(warning));
  answer["warnings"] = std::move(list);
}

}  // namespace

std::string jobs_view(const JobList& jobs) {
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

std::string jobs_overview_view(const JobList& jobs, WallTime now) {
  json::array list;
  for (const JobSummary& job : jobs) {
    json::object object;
    object["jid"] = job.id.to_hex();
    object["name"] = text(job.name);
    object["start-time"] = millis(job.start);
    object["end-time"] = millis_or(job.end, kNever);
    object["duration"] = duration_of(job.start, job.end, now);
    object["state"] = name_of(job.status);
    object["last-modification"] = millis(job.last_change);
    object["tasks"] = lower_case_counts(job.tasks);
    list.push_back(std::move(object));
  }
  json::object answer;
  answer["jobs"] = std::move(list);
  return json::serialize(answer);
}

std::string job_view(const JobDetails& job, WallTime now) {
  const JobFacts& facts = *job.facts;
  json::object object;
  object["jid"] = facts.id.to_hex();
  object["name"] = text(facts.name);
  object["isStoppable"] = false;
  object["state"] = name_of(job.status);
  object["job-type"] = facts.is_batch ? "BATCH" : "STREAMING";
  object["start-time"] = millis(job.start());
  object["end-time"] = millis_or(job.end(), kNever);
  object["duration"] = duration_of(job.start(), job.end(), now);
  object["maxParallelism"] = -1;
  object["now"] = millis(now);
  json::object timestamps;
  for (std::size_t i = 0; i < kJobStatuses; ++i) {
    timestamps[name_of(static_cast<JobStatus>(i))] = millis_or(job.entered[i], 0);
  }
  object["timestamps"] = std::move(timestamps);

  json::array vertices;
  StatusCounts statuses{};
  for (const auto& vertex : job.vertices) {
    vertices.push_back(vertex_summary(facts.id, *vertex, now));
    ++statuses[static_cast<std::size_t>(vertex_status(count_statuses(subtasks_of(*vertex))))];
  }
  object["vertices"] = std::move(vertices);
  object["status-counts"] = status_counts(statuses);
  object["plan"] = plan_value(facts.plan_json);
  return json::serialize(object);
}

std::string job_plan_view(const std::string& plan_json, const std::vector<std::string>& warnings) {
  json::object answer;
  answer["plan"] = plan_value(plan_json);
  add_warnings(answer, warnings);
  return json::serialize(answer);
}

std::string job_config_view(const JobDetails& details) {
  const JobFacts& job = *details.facts;
  json::object execution;
  execution["execution-mode"] = "PIPELINED";
  execution["restart-strategy"] = text(job.restart_strategy);
  execution["job-parallelism"] = job.parallelism;
  execution["object-reuse-mode"] = true;
  json::object user;
  for (const auto& [key, value] : job.global_parameters) user[text(key)] = text(value);
  execution["user-config"] = std::move(user);
  json::object answer;
  answer["jid"] = job.id.to_hex();
  answer["name"] = text(job.name);
  answer["execution-config"] = std::move(execution);
  return json::serialize(answer);
}

std::string job_exceptions_view(const JobDetails& job, std::size_t entries_max) {
  json::array entries;
  const std::vector<FailureEntry>& failures = job.failures->entries;
  for (const FailureEntry& entry : failures) {
    if (entries.size() == entries_max) break;
    json::object object = exception_entry(entry.root);
    json::array concurrent;
    for (const LocatedFailure& other : entry.concurrent) concurrent.push_back(exception_entry(other));
    object["concurrentExceptions"] = std::move(concurrent);
    entries.push_back(std::move(object));
  }
  const bool truncated = failures.size() > entries_max || job.failures->is_truncated;
  json::object answer;
  answer["root-exception"] = nullptr;
  answer["timestamp"] = nullptr;
  if (!failures.empty()) {
    answer["root-exception"] = text(failures.front().root.failure.to_text());
    answer["timestamp"] = millis(failures.front().root.failure.time);
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
  result["id"] = job.facts->id.to_hex();
  result["application-status"] = application_status(job.status);
  result["accumulator-results"] = json::object();
  result["net-runtime"] = std::max<std::int64_t>(0, (job.end().value_or(job.start()) - job.start()).count());
  if (job.status == JobStatus::failed && !job.failures->entries.empty()) {
    const Failure& failure = job.failures->entries.front().root.failure;
    json::object cause;
    cause["class"] = text(failure.exception);
    cause["stack-trace"] = text(failure.to_text());
    cause["serialized-throwable"] = "";
    result["failure-cause"] = std::move(cause);
  }
  answer["job-execution-result"] = std::move(result);
  return json::serialize(answer);
}

std::string job_accumulators_view(const JobDetails& job) {
  std::map<std::string, std::uint64_t> totals;
  for (const auto& vertex : job.vertices) {
    for (const auto& [name, value] : total_of(subtasks_of(*vertex)).counters.user) totals[name] += value;
  }
  json::object answer;
  answer["job-accumulators"] = json::array();
  answer["user-task-accumulators"] = accumulators(totals);
  answer["serialized-user-task-accumulators"] = json::object();
  return json::serialize(answer);
}

std::string job_started_view(const StartedJob& job) {
  json::object answer;
  answer["jobid"] = job.id.to_hex();
  add_warnings(answer, job.warnings);
  return json::serialize(answer);
}

}  // namespace weir::jobmanager::rest
