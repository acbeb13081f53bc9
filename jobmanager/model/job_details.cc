#include "jobmanager/model/job_details.h"

namespace weir::jobmanager {

JobSummary summary_of(const JobDetails& details) {
  JobSummary summary;
  summary.id = details.facts->id;
  summary.name = details.facts->name;
  summary.status = details.status;
  summary.start = details.start();
  summary.end = details.end();
  summary.last_change = summary.end.value_or(summary.start);
  for (const auto& vertex : details.vertices) {
    for (const auto& subtask : vertex->subtasks) ++summary.tasks[static_cast<std::size_t>(subtask.status)];
  }
  return summary;
}

}  // namespace weir::jobmanager
