// Time as this process lived it.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>

#include "common/async/clock.h"
#include "common/async/task_scope.h"

namespace weir {

/// A clock that stands still while its control thread does not run: a stopped process, a paused machine, a blocked
/// thread. Lives on: the control thread; now() and wall_now() on any thread. Owned by the daemon, outlives all who hold
/// it. Life cycle: made -> start() -> co_await stop(). Outside start and stop it follows the machine's clock.
/// Promise: however long the thread was stalled, at most `allowance` of it passes on this clock. So no deadline passes
/// before the thread could read what its peers have sent meanwhile.
class AwakeClock final : public Clock {
 public:
  /// @param machine    the clock underneath
  /// @param allowance  a gap between two ticks counts up to this; above 0, well below every time-out
  AwakeClock(asio::any_io_executor executor, Clock& machine, std::chrono::milliseconds allowance);

  void start();
  Async<void> stop();

  SteadyTime now() const override;
  WallTime wall_now() const override { return machine_.wall_now(); }
  Async<void> sleep_until(SteadyTime time) override;

  /// What the thread has been stalled so far.
  std::chrono::nanoseconds stalled() const noexcept;

 private:
  Async<void> tick();
  void note();

  // Set once
  Clock& machine_;
  const SteadyTime::duration allowance_;
  // Written by the control thread, read by any
  std::atomic<SteadyTime::rep> stalled_{0};
  std::atomic<SteadyTime::rep> not_beyond_;  ///< on this clock: it stands still there until the next tick
  // Control thread only
  SteadyTime last_tick_{};
  TaskScope scope_;
};

/// The allowance for a process whose shortest time-out is `timeout`.
std::chrono::milliseconds stall_allowance(std::chrono::nanoseconds timeout);

}  // namespace weir
