#include "jobmanager/backend/control_job_backend.h"

#include <utility>

#include "jobmanager/backend/question.h"

namespace weir::jobmanager {

void ControlJobBackend::jobs(rest::Reply<rest::Shared<JobList>> reply) {
  ask<rest::Shared<JobList>>(control_, std::move(reply), [this] { return dispatcher_.list(); });
}

void ControlJobBackend::all_details(rest::Reply<std::vector<rest::Shared<JobDetails>>> reply) {
  ask<std::vector<rest::Shared<JobDetails>>>(control_, std::move(reply), [this] { return dispatcher_.all_details(); });
}

void ControlJobBackend::details(JobId id, rest::Reply<rest::Shared<JobDetails>> reply) {
  ask<rest::Shared<JobDetails>>(control_, std::move(reply), [this, id] { return dispatcher_.details(id); });
}

void ControlJobBackend::cancel(JobId id, rest::Reply<void> reply) {
  ask<void>(control_, std::move(reply), [this, id] { return dispatcher_.cancel(id); });
}

}  // namespace weir::jobmanager
