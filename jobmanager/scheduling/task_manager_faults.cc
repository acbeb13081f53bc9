#include "jobmanager/scheduling/task_manager_faults.h"

#include <algorithm>

namespace weir::jobmanager {

bool is_machine_fault(const Error& error) {
  if (error.blame == Blame::user) return false;
  switch (error.code) {
    case ErrorCode::io:
    case ErrorCode::internal:
    case ErrorCode::unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::corrupt:
    case ErrorCode::resource_exhausted:
    case ErrorCode::permission_denied:
    case ErrorCode::unknown: return true;
    case ErrorCode::invalid_argument:
    case ErrorCode::not_found:
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition:
    case ErrorCode::cancelled:
    case ErrorCode::fenced:
    case ErrorCode::user_code: return false;
  }
  return false;
}

void TaskManagerFaults::add(const TaskManagerId& id, SteadyTime now) {
  Fault& fault = faults_[id];
  // Jobs that failed there at the same time are one fault.
  if (now < fault.until) return;
  fault.pause = fault.pause.count() == 0 ? kFirstPause : std::min<std::chrono::seconds>(fault.pause * 2, kLongestPause);
  fault.until = now + fault.pause;
}

bool TaskManagerFaults::is_avoided(const TaskManagerId& id, SteadyTime now) const {
  const auto fault = faults_.find(id);
  return fault != faults_.end() && now < fault->second.until;
}

}  // namespace weir::jobmanager
