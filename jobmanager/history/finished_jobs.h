// Jobs that have ended, as REST shows them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "jobmanager/rest/snapshot.h"

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
  void add(rest::JobDetails details, SteadyTime now);
  void expire(SteadyTime now);

  /// Null when it is not remembered.
  const rest::JobDetails* find(const JobId& id) const;
  /// In order of their end.
  std::vector<const rest::JobDetails*> all() const;
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    rest::JobDetails details;
    SteadyTime ended{};
    std::uint64_t bytes = 0;
  };
  void forget_oldest();

  const FinishedJobLimits limits_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::jobmanager
