#include "jobmanager/dispatcher/job_view.h"

#include <algorithm>

#include "common/plan/plan_json.h"

namespace weir::jobmanager {

namespace {

// The two vocabularies are one: job decides, rest shows, and neither knows the other.
static_assert(static_cast<int>(JobStatus::reconciling) == static_cast<int>(rest::JobStatus::reconciling));
static_assert(static_cast<int>(JobStatus::cancelling) == static_cast<int>(rest::JobStatus::cancelling));
static_assert(static_cast<int>(TaskStatus::reconciling) == static_cast<int>(rest::TaskStatus::reconciling));
static_assert(static_cast<int>(TaskStatus::canceling) == static_cast<int>(rest::TaskStatus::canceling));
static_assert(kJobStatuses == rest::kJobStatuses && kTaskStatuses == rest::kTaskStatuses);

rest::Timestamp millis(WallTime time) { return time.time_since_epoch().count(); }
rest::Timestamp millis_or_zero(const std::optional<WallTime>& time) { return time ? millis(*time) : 0; }

rest::ExceptionEntry entry_of(const LocatedFailure& located) {
  rest::ExceptionEntry entry;
  entry.exception = located.failure.exception;
  entry.stack_trace = located.failure.to_text();
  entry.timestamp = millis(located.failure.time);
  entry.task_name = located.task_name;
  entry.endpoint = located.endpoint;
  entry.task_manager_id = located.task_manager_id;
  return entry;
}

/// Per second, between the last two reports; all 0 without two.
rest::TaskRates rates_of(const Attempt& attempt) {
  rest::TaskRates rates;
  if (!attempt.earlier_counted_at || *attempt.counted_at <= *attempt.earlier_counted_at) return rates;
  const double seconds = static_cast<double>((*attempt.counted_at - *attempt.earlier_counted_at).count()) / 1000;
  const auto rate = [&](std::uint64_t TaskCounters::*number) {
    const std::uint64_t last = attempt.counters.*number;
    const std::uint64_t earlier = attempt.earlier_counters.*number;
    return last > earlier ? static_cast<double>(last - earlier) / seconds : 0;
  };
  rates.records_in = rate(&TaskCounters::records_in);
  rates.records_out = rate(&TaskCounters::records_out);
  rates.bytes_in = rate(&TaskCounters::bytes_in);
  rates.bytes_out = rate(&TaskCounters::bytes_out);
  rates.blocks_in = rate(&TaskCounters::blocks_in);
  rates.blocks_out = rate(&TaskCounters::blocks_out);
  rates.busy_ms = std::min(rate(&TaskCounters::busy_ms), 1000.0);
  rates.idle_ms = std::min(rate(&TaskCounters::idle_ms), 1000.0);
  rates.backpressured_ms = std::min(rate(&TaskCounters::backpressured_ms), 1000.0);
  return rates;
}

rest::SubtaskDetails subtask_of(const Attempt& attempt, std::uint32_t index) {
  rest::SubtaskDetails subtask;
  subtask.subtask = static_cast<int>(index);
  subtask.attempt = static_cast<int>(attempt.number);
  subtask.status = static_cast<rest::TaskStatus>(attempt.status);
  for (std::size_t status = 0; status < kTaskStatuses; ++status)
    subtask.entered[status] = millis_or_zero(attempt.entered[status]);
  if (attempt.place) {
    subtask.host = attempt.place->host;
    subtask.data_port = attempt.place->data_port;
    subtask.task_manager_id = attempt.place->id.to_string();
  }
  const TaskCounters& counters = attempt.counters;
  subtask.counters.records_in = counters.records_in;
  subtask.counters.records_out = counters.records_out;
  subtask.counters.bytes_in = counters.bytes_in;
  subtask.counters.bytes_out = counters.bytes_out;
  subtask.counters.blocks_in = counters.blocks_in;
  subtask.counters.blocks_out = counters.blocks_out;
  subtask.counters.input_queued = counters.input_queued;
  subtask.counters.input_window = counters.input_window;
  subtask.counters.output_queued = counters.output_queued;
  subtask.counters.output_window = counters.output_window;
  subtask.counters.busy_ms = counters.busy_ms;
  subtask.counters.idle_ms = counters.idle_ms;
  subtask.counters.backpressured_ms = counters.backpressured_ms;
  subtask.counters.user = counters.user;
  subtask.counters.gauges = counters.gauges;
  subtask.counters.complete = attempt.counted_at.has_value() || rest::is_over(subtask.status);
  if (attempt.status == TaskStatus::running) subtask.rates = rates_of(attempt);
  return subtask;
}

rest::Timestamp end_of(const Job& job) {
  return job.is_over() ? millis_or_zero(job.entered()[static_cast<std::size_t>(job.status())]) : rest::kNever;
}

rest::Timestamp start_of(const Job& job) {
  return millis_or_zero(job.entered()[static_cast<std::size_t>(JobStatus::initializing)]);
}

}  // namespace

rest::JobDetails details_of(const Job& job) {
  const JobSubmission& submission = job.submission();
  rest::JobDetails details;
  details.id = submission.id;
  details.name = submission.graph.job_name;
  details.status = static_cast<rest::JobStatus>(job.status());
  details.start = start_of(job);
  details.end = end_of(job);
  for (std::size_t status = 0; status < kJobStatuses; ++status)
    details.entered[status] = millis_or_zero(job.entered()[status]);
  details.plan_json = plan::plan_json(submission.graph, submission.plan, submission.id.to_hex());
  for (std::uint32_t v = 0; v < submission.graph.vertices.size(); ++v) {
    const auto& vertex = submission.graph.vertices[v];
    rest::VertexDetails shown{vertex.id, vertex.name, vertex.slot_sharing_group, vertex.max_parallelism, {}};
    for (std::uint32_t s = 0; s < static_cast<std::uint32_t>(vertex.parallelism); ++s) {
      shown.subtasks.push_back(subtask_of(job.tasks().attempt({v, s}), s));
    }
    details.vertices.push_back(std::move(shown));
  }
  const auto& failures = job.failures().entries();
  for (auto entry = failures.rbegin(); entry != failures.rend(); ++entry) {
    rest::ExceptionEntry shown = entry_of(entry->root);
    for (const auto& echo : entry->concurrent) shown.concurrent.push_back(entry_of(echo));
    details.exceptions.push_back(std::move(shown));
  }
  details.is_batch = submission.graph.is_batch;
  details.restart_strategy = "Restart deactivated.";
  details.parallelism = submission.parallelism;
  details.user_configuration = submission.global_parameters;
  return details;
}

rest::JobSummary summary_of(const Job& job) {
  rest::JobSummary summary;
  summary.id = job.submission().id;
  summary.name = job.submission().graph.job_name;
  summary.status = static_cast<rest::JobStatus>(job.status());
  summary.start = start_of(job);
  summary.end = end_of(job);
  summary.last_modification = millis(job.last_change());
  const TaskCounts counts = job.tasks().counts();
  for (std::size_t status = 0; status < kTaskStatuses; ++status)
    summary.tasks[status] = static_cast<int>(counts[status]);
  return summary;
}

rest::JobSummary summary_of(const rest::JobDetails& details) {
  rest::JobSummary summary;
  summary.id = details.id;
  summary.name = details.name;
  summary.status = details.status;
  summary.start = details.start;
  summary.end = details.end;
  summary.last_modification = details.end;
  for (const auto& vertex : details.vertices) {
    for (const auto& subtask : vertex.subtasks) ++summary.tasks[static_cast<std::size_t>(subtask.status)];
  }
  return summary;
}

}  // namespace weir::jobmanager
