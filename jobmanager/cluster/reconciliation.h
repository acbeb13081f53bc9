// Whether a TaskManager has the tasks that the JobManager believes it to have.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"

namespace weir::jobmanager {

/// One execution of one job.
struct JobExecution {
  JobId job;
  ExecutionId execution;
  friend auto operator<=>(const JobExecution&, const JobExecution&) = default;
};

/// What the JobManager believes of one TaskManager.
struct Belief {
  std::set<JobExecution> running;  ///< taken by it, and not over
  std::set<JobExecution> unsure;   ///< a deployment is under way: it may have them or not
};

/// What has to be done so that both sides believe the same.
struct Differences {
  std::vector<JobExecution> missing;    ///< believed running, and the TaskManager does not have them: they are over
  std::vector<JobExecution> strangers;  ///< it has them, and they are none of ours any more: they must end
  friend bool operator==(const Differences&, const Differences&) = default;
};

/// Compares heartbeat by heartbeat. Heartbeats, task statuses and orders overtake each other, so a difference counts
/// once every heartbeat has shown it for `grace`; it is returned again and again until it is gone.
/// Lives on: the control thread (pure but for its memory). One per registered TaskManager.
class Reconciliation {
 public:
  /// @param grace  longer than a status or an order is on its way
  explicit Reconciliation(SteadyTime::duration grace) : grace_(grace) {}

  /// @param reported  what the TaskManager has, each execution that is not over
  Differences compare(const Belief& believed, const std::set<JobExecution>& reported, SteadyTime now);

 private:
  using Since = std::map<JobExecution, SteadyTime>;
  std::vector<JobExecution> lasting(Since& since, const std::set<JobExecution>& seen, SteadyTime now) const;

  const SteadyTime::duration grace_;
  Since missing_since_;
  Since strange_since_;
};

}  // namespace weir::jobmanager
