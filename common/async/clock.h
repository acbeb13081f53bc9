// Time as a dependency, so that a test can own it.
#pragma once

#include <chrono>

#include "common/async/task.h"

namespace weir {

/// A point on the clock that never jumps: for deadlines, time-outs and durations.
using SteadyTime = std::chrono::steady_clock::time_point;
/// A point in the time of day, milliseconds since 1970-01-01 UTC: for what people and records see.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Tells the time and lets a coroutine wait for it.
/// Lives on: any thread to ask; sleep_until on the caller's executor. Owned by the daemon; outlives all who hold it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall_now() const = 0;
  /// Resumes at `time` or soon after; at once when it has passed. Can be cancelled.
  virtual Async<void> sleep_until(SteadyTime time) = 0;
  Async<void> sleep_for(std::chrono::nanoseconds duration) { return sleep_until(now() + duration); }
};

/// The machine's clock.
class SystemClock final : public Clock {
 public:
  SteadyTime now() const override;
  WallTime wall_now() const override;
  Async<void> sleep_until(SteadyTime time) override;
};

}  // namespace weir
