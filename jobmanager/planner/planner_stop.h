#pragma once

#include "common/base/unique_fd.h"

namespace weir::jobmanager {

/// Ends planners before their time: those that run, and those that would begin later.
/// Lives on: any thread. Owned by who owns the planners' pool, and outlives them.
class PlannerStop {
 public:
  PlannerStop();

  void stop();
  /// Readable from stop() on; -1 where the system had none left, and then planners run to their time-out.
  int descriptor() const { return event_.get(); }

 private:
  UniqueFd event_;
};

}  // namespace weir::jobmanager
