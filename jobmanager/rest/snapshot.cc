#include "jobmanager/rest/snapshot.h"

namespace weir::jobmanager::rest {

std::string_view name_of(JobStatus status) {
  constexpr std::array<std::string_view, kJobStatuses> kNames = {"INITIALIZING", "CREATED",    "RUNNING",    "FAILING",
                                                                 "FAILED",       "CANCELLING", "CANCELED",   "FINISHED",
                                                                 "RESTARTING",   "SUSPENDED",  "RECONCILING"};
  return kNames[static_cast<std::size_t>(status)];
}

bool is_over(JobStatus status) {
  return status == JobStatus::failed || status == JobStatus::canceled || status == JobStatus::finished;
}

std::string_view name_of(TaskStatus status) {
  constexpr std::array<std::string_view, kTaskStatuses> kNames = {"CREATED", "SCHEDULED",  "DEPLOYING", "INITIALIZING",
                                                                  "RUNNING", "FINISHED",   "CANCELING", "CANCELED",
                                                                  "FAILED",  "RECONCILING"};
  return kNames[static_cast<std::size_t>(status)];
}

bool is_over(TaskStatus status) {
  return status == TaskStatus::finished || status == TaskStatus::canceled || status == TaskStatus::failed;
}

}  // namespace weir::jobmanager::rest
