#include "jobmanager/model/status.h"

#include <numeric>

namespace weir::jobmanager {

std::string_view name_of(JobStatus status) {
  switch (status) {
    case JobStatus::initializing: return "INITIALIZING";
    case JobStatus::created: return "CREATED";
    case JobStatus::running: return "RUNNING";
    case JobStatus::failing: return "FAILING";
    case JobStatus::failed: return "FAILED";
    case JobStatus::cancelling: return "CANCELLING";
    case JobStatus::canceled: return "CANCELED";
    case JobStatus::finished: return "FINISHED";
    case JobStatus::restarting: return "RESTARTING";
    case JobStatus::suspended: return "SUSPENDED";
    case JobStatus::reconciling: return "RECONCILING";
  }
  return "UNKNOWN";
}

bool is_over(JobStatus status) {
  return status == JobStatus::failed || status == JobStatus::canceled || status == JobStatus::finished;
}

bool may_follow(JobStatus from, JobStatus to) {
  using enum JobStatus;
  switch (from) {
    case initializing: return to == created || to == failing || to == failed || to == cancelling || to == canceled;
    case created: return to == running || to == failing || to == cancelling || to == suspended;
    case running: return to == finished || to == failing || to == cancelling || to == restarting || to == suspended;
    case restarting: return to == created || to == running || to == failing || to == cancelling || to == suspended;
    case failing: return to == failed || to == cancelling || to == suspended;
    case cancelling: return to == canceled || to == failing || to == suspended;
    case failed:
    case canceled:
    case finished:
    case suspended:
    case reconciling: return false;
  }
  return false;
}

TaskStatus vertex_status(const StatusCounts& counts) {
  auto count = [&](TaskStatus status) { return counts[static_cast<std::size_t>(status)]; };
  using enum TaskStatus;
  const std::size_t total = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  if (count(failed) > 0) return failed;
  if (count(canceling) > 0) return canceling;
  if (count(canceled) > 0) return canceled;
  if (count(initializing) > 0) return initializing;
  if (count(running) > 0) return running;
  if (count(finished) > 0) return count(finished) == total ? finished : running;
  return created;
}

}  // namespace weir::jobmanager
