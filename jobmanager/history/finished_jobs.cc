#include "jobmanager/history/finished_jobs.h"

#include <utility>

namespace weir::jobmanager {

namespace {

/// About what it takes in memory.
std::uint64_t bytes_of(const rest::JobDetails& details) {
  std::uint64_t bytes = sizeof details + details.name.size() + details.plan_json.size();
  for (const auto& vertex : details.vertices) {
    bytes += sizeof vertex + vertex.name.size();
    for (const auto& subtask : vertex.subtasks) {
      bytes += sizeof subtask + subtask.host.size() + subtask.task_manager_id.size();
      for (const auto& [name, value] : subtask.counters.user) bytes += 64 + name.size();
      for (const auto& [name, value] : subtask.counters.gauges) bytes += 64 + name.size();
    }
  }
  for (const auto& entry : details.exceptions) {
    bytes += sizeof entry + entry.stack_trace.size();
    for (const auto& echo : entry.concurrent) bytes += sizeof echo + echo.stack_trace.size();
  }
  for (const auto& [key, value] : details.user_configuration) bytes += 64 + key.size() + value.size();
  return bytes;
}

}  // namespace

void FinishedJobs::add(rest::JobDetails details, SteadyTime now) {
  const std::uint64_t bytes = bytes_of(details);
  bytes_ += bytes;
  entries_.push_back({std::move(details), now, bytes});
  while (!entries_.empty() && (entries_.size() > limits_.jobs_max || bytes_ > limits_.bytes_max)) forget_oldest();
  expire(now);
}

void FinishedJobs::expire(SteadyTime now) {
  while (!entries_.empty() && now - entries_.front().ended > limits_.kept_for) forget_oldest();
}

const rest::JobDetails* FinishedJobs::find(const JobId& id) const {
  for (const auto& entry : entries_) {
    if (entry.details.id == id) return &entry.details;
  }
  return nullptr;
}

std::vector<const rest::JobDetails*> FinishedJobs::all() const {
  std::vector<const rest::JobDetails*> found;
  for (const auto& entry : entries_) found.push_back(&entry.details);
  return found;
}

void FinishedJobs::forget_oldest() {
  bytes_ -= entries_.front().bytes;
  entries_.pop_front();
}

}  // namespace weir::jobmanager
