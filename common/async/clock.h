// A clock that coroutines can wait for.
#pragma once

#include <chrono>

#include "common/async/task.h"
#include "common/base/time_source.h"

namespace weir {

/// Tells the time and lets a coroutine wait for it.
/// Lives on: any thread to ask; sleep_until on the caller's executor. Owned by the daemon; outlives all who hold it.
class Clock : public TimeSource {
 public:
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
