// What others see of a job, made when it is asked for and kept until it changes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "jobmanager/model/job_details.h"

namespace weir::jobmanager {

class Job;

/// Makes a job's details. Vertices, failures and facts that have not changed are shared with the details before, and
/// the same value is returned while nothing has changed: a poll copies nothing.
/// Lives on: the control thread; the values on any. Owned by the job.
class DetailsCache {
 public:
  std::shared_ptr<const JobDetails> details(const Job& job);

 private:
  std::shared_ptr<const JobDetails> last_;
  std::vector<std::uint64_t> versions_;  ///< of the vertices in last_
};

}  // namespace weir::jobmanager
