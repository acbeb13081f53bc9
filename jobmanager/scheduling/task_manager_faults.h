// Which TaskManagers failed deployments by their own fault. Pure.
#pragma once

#include <chrono>
#include <map>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// Whether a refused deployment says something of the machine: a full disk, a folder that is gone, a process that can't
/// be started; and not of the job, or of two orders that crossed.
bool is_machine_fault(const Error& error);

/// A TaskManager that failed a deployment is avoided for a while, longer after each failure in a row: whoever can place
/// tasks elsewhere does, so that one bad machine does not take every job that comes.
/// Lives on: the control thread (pure: the time is given). Owned by the dispatcher.
class TaskManagerFaults {
 public:
  static constexpr std::chrono::seconds kFirstPause{30};
  static constexpr std::chrono::seconds kLongestPause{600};

  void add(const TaskManagerId& id, SteadyTime now);
  /// A deployment went well there, or the TaskManager is another process now.
  void clear(const TaskManagerId& id) { faults_.erase(id); }
  bool is_avoided(const TaskManagerId& id, SteadyTime now) const;

 private:
  struct Fault {
    std::chrono::seconds pause{};
    SteadyTime until{};
  };
  std::map<TaskManagerId, Fault> faults_;
};

}  // namespace weir::jobmanager
