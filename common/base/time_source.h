// The time as a dependency, so that a test can own it.
#pragma once

#include <chrono>

namespace weir {

/// A point on the clock that never jumps: for deadlines, time-outs and durations.
using SteadyTime = std::chrono::steady_clock::time_point;
/// A point in the time of day, milliseconds since 1970-01-01 UTC: for what people and records see.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Tells the time. Lives on: any thread. Owned by the program; outlives all who hold it.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

}  // namespace weir
