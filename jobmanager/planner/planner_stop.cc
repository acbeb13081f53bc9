#include "jobmanager/planner/planner_stop.h"

#include <sys/eventfd.h>

namespace weir::jobmanager {

PlannerStop::PlannerStop() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void PlannerStop::stop() {
  if (event_) (void)::eventfd_write(event_.get(), 1);  // fails only when it is readable already
}

}  // namespace weir::jobmanager
