// The time as a slot's tasks see it: read once per round, not per record.
#pragma once

#include <cstdint>

#include "common/base/time_source.h"

namespace weir::taskmanager {

/// Microseconds of the clock that never jumps.
inline std::int64_t monotonic_us(const TimeSource& time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.now().time_since_epoch()).count();
}

/// Lives on: the slot's thread, which calls `read`. Owned by the loop.
class StepClock {
 public:
  explicit StepClock(const TimeSource& time) : time_(time) { read(); }
  void read();
  /// Monotonic, microseconds.
  std::int64_t now_us() const { return now_us_; }
  /// Monotonic, milliseconds.
  std::int64_t now_ms() const { return now_us_ / 1000; }
  /// Since 1970, milliseconds.
  std::int64_t wall_ms() const { return (now_us_ + wall_offset_us_) / 1000; }

 private:
  const TimeSource& time_;
  std::int64_t now_us_ = 0;
  std::int64_t wall_offset_us_ = 0;
  std::int64_t next_wall_us_ = 0;  // when the offset is measured again: the wall clock may be set
};

}  // namespace weir::taskmanager
