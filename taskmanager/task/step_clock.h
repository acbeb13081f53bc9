// The time as a slot's tasks see it: read once per round, not per record.
#pragma once

#include <cstdint>

namespace weir::taskmanager {

/// Lives on: the slot's thread, which calls `read`. Owned by the loop.
class StepClock {
 public:
  StepClock() { read(); }
  void read();
  /// Monotonic, microseconds.
  std::int64_t now_us() const { return now_us_; }
  /// Monotonic, milliseconds.
  std::int64_t now_ms() const { return now_us_ / 1000; }
  /// Since 1970, milliseconds.
  std::int64_t wall_ms() const { return (now_us_ + wall_offset_us_) / 1000; }

 private:
  std::int64_t now_us_ = 0;
  std::int64_t wall_offset_us_ = 0;
  std::int64_t next_wall_us_ = 0;  // when the offset is measured again: the wall clock may be set
};

/// Monotonic microseconds now, of the same clock.
std::int64_t monotonic_us();

}  // namespace weir::taskmanager
