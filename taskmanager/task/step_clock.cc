#include "taskmanager/task/step_clock.h"

namespace weir::taskmanager {

void StepClock::read() {
  now_us_ = monotonic_us(time_);
  if (now_us_ < next_wall_us_) return;
  const auto wall = time_.wall_now().time_since_epoch();
  wall_offset_us_ = std::chrono::duration_cast<std::chrono::microseconds>(wall).count() - now_us_;
  next_wall_us_ = now_us_ + 1000;
}

}  // namespace weir::taskmanager
