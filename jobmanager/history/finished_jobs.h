// Jobs that have ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "jobmanager/model/job_details.h"

namespace weir::jobmanager {

struct FinishedJobLimits {
  std::chrono::seconds kept_for{3'600};                            ///< jobstore.expiration-time
  std::size_t jobs_max = std::numeric_limits<std::size_t>::max();  ///< jobstore.max-capacity
  std::uint64_t bytes_max = 50u << 20;                             ///< jobstore.cache-size
};

/// Remembers the newest finished jobs, within limits of age, number and memory.
/// Lives on: the control thread (pure). Owned by the dispatcher.
class FinishedJobs {
 public:
  explicit FinishedJobs(FinishedJobLimits limits) : limits_(limits) {}

  /// Forgets the oldest as far as limits ask for it.
  void add(std::shared_ptr<const JobDetails> details, SteadyTime now);
  /// @return  whether a job was forgotten
  bool expire(SteadyTime now);

  /// Null when it is not remembered.
  std::shared_ptr<const JobDetails> find(const JobId& id) const;
  /// In order of their end.
  std::vector<std::shared_ptr<const JobDetails>> all() const;
  JobList summaries() const;
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::shared_ptr<const JobDetails> details;
    JobSummary summary;
    SteadyTime ended{};
    std::uint64_t bytes = 0;
  };
  void forget_oldest();

  const FinishedJobLimits limits_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::jobmanager
