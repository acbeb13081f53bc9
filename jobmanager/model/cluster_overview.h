// The cluster in a few numbers. Pure values.
#pragma once

#include <cstddef>
#include <memory>

#include "jobmanager/model/job_details.h"

namespace weir::jobmanager {

struct ClusterOverview {
  std::size_t task_managers = 0;
  std::size_t slots_total = 0;
  std::size_t slots_available = 0;
  std::shared_ptr<const JobList> jobs;  ///< never null
};

}  // namespace weir::jobmanager
