#include "jobmanager/history/finished_jobs.h"

#include <utility>

namespace weir::jobmanager {

namespace {

/// About what it takes in memory.
std::uint64_t bytes_of(const SubtaskDetails& subtask) {
  std::uint64_t bytes = sizeof subtask;
  if (subtask.place) bytes += subtask.place->host.size();
  for (const auto& [name, value] : subtask.counters.user) bytes += 64 + name.size();
  for (const auto& [name, value] : subtask.counters.gauges) bytes += 64 + name.size();
  return bytes;
}

std::uint64_t bytes_of(const LocatedFailure& located) {
  return sizeof located + located.failure.exception.size() + located.failure.message.size() +
         located.failure.stack_trace.size();
}

std::uint64_t bytes_of(const JobDetails& details) {
  const JobFacts& facts = *details.facts;
  std::uint64_t bytes = sizeof details + sizeof facts + 2 * facts.name.size() + facts.plan_json.size();
  for (const auto& [key, value] : facts.global_parameters) bytes += 64 + key.size() + value.size();
  for (const auto& vertex : details.vertices) {
    bytes += sizeof *vertex + vertex->name.size();
    for (const auto& subtask : vertex->subtasks) bytes += bytes_of(subtask);
  }
  for (const auto& entry : details.failures->entries) {
    bytes += bytes_of(entry.root);
    for (const auto& echo : entry.concurrent) bytes += bytes_of(echo);
  }
  return bytes;
}

}  // namespace

void FinishedJobs::add(std::shared_ptr<const JobDetails> details, SteadyTime now) {
  const std::uint64_t bytes = bytes_of(*details);
  JobSummary summary = summary_of(*details);
  bytes_ += bytes;
  entries_.push_back({std::move(details), std::move(summary), now, bytes});
  while (!entries_.empty() && (entries_.size() > limits_.jobs_max || bytes_ > limits_.bytes_max)) forget_oldest();
  expire(now);
}

bool FinishedJobs::expire(SteadyTime now) {
  const std::size_t before = entries_.size();
  while (!entries_.empty() && now - entries_.front().ended > limits_.kept_for) forget_oldest();
  return entries_.size() < before;
}

std::shared_ptr<const JobDetails> FinishedJobs::find(const JobId& id) const {
  for (const auto& entry : entries_) {
    if (entry.summary.id == id) return entry.details;
  }
  return nullptr;
}

std::vector<std::shared_ptr<const JobDetails>> FinishedJobs::all() const {
  std::vector<std::shared_ptr<const JobDetails>> found;
  for (const auto& entry : entries_) found.push_back(entry.details);
  return found;
}

JobList FinishedJobs::summaries() const {
  JobList list;
  for (const auto& entry : entries_) list.push_back(entry.summary);
  return list;
}

void FinishedJobs::forget_oldest() {
  bytes_ -= entries_.front().bytes;
  entries_.pop_front();
}

}  // namespace weir::jobmanager
