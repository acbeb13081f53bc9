#include "common/base/task_status.h"

namespace weir {

std::string_view name_of(TaskStatus status) {
  switch (status) {
    case TaskStatus::created: return "CREATED";
    case TaskStatus::scheduled: return "SCHEDULED";
    case TaskStatus::deploying: return "DEPLOYING";
    case TaskStatus::initializing: return "INITIALIZING";
    case TaskStatus::running: return "RUNNING";
    case TaskStatus::finished: return "FINISHED";
    case TaskStatus::canceling: return "CANCELING";
    case TaskStatus::canceled: return "CANCELED";
    case TaskStatus::failed: return "FAILED";
    case TaskStatus::reconciling: return "RECONCILING";
  }
  return "UNKNOWN";
}

bool is_over(TaskStatus status) {
  return status == TaskStatus::finished || status == TaskStatus::canceled || status == TaskStatus::failed;
}

bool may_follow(TaskStatus from, TaskStatus to) {
  using enum TaskStatus;
  if (is_over(from) || from == to) return false;
  switch (to) {
    case scheduled: return from == created;
    case deploying: return from == scheduled;
    case initializing: return from == deploying;
    case running: return from == deploying || from == initializing;
    case canceling:
    case finished:
      return from == deploying || from == initializing || from == running || (to == finished && from == canceling);
    case canceled:
    case failed: return true;
    case created:
    case reconciling: return false;
  }
  return false;
}

}  // namespace weir
