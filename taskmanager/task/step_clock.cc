#include "taskmanager/task/step_clock.h"

#include <chrono>

namespace weir::taskmanager {

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void StepClock::read() {
  now_us_ = monotonic_us();
  if (now_us_ < next_wall_us_) return;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  wall_offset_us_ = std::chrono::duration_cast<std::chrono::microseconds>(wall).count() - now_us_;
  next_wall_us_ = now_us_ + 1000;
}

}  // namespace weir::taskmanager
