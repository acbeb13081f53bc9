// A job as REST shows it. Pure.
#pragma once

#include "jobmanager/job/job.h"
#include "jobmanager/rest/snapshot.h"

namespace weir::jobmanager {

rest::JobDetails details_of(const Job& job);
rest::JobSummary summary_of(const Job& job);
/// The same, of what is remembered of a job.
rest::JobSummary summary_of(const rest::JobDetails& details);

}  // namespace weir::jobmanager
