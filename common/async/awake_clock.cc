#include "common/async/awake_clock.h"

#include <algorithm>
#include <limits>

#include "common/base/ensure.h"

namespace weir {
namespace {

constexpr SteadyTime::rep kFree = std::numeric_limits<SteadyTime::rep>::max();
constexpr int kTicksPerAllowance = 4;

}  // namespace

std::chrono::milliseconds stall_allowance(std::chrono::nanoseconds timeout) {
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(timeout / 4), std::chrono::milliseconds(4),
                    std::chrono::milliseconds(200));
}

AwakeClock::AwakeClock(asio::any_io_executor executor, Clock& machine, std::chrono::milliseconds allowance)
    : machine_(machine), allowance_(allowance), not_beyond_(kFree), scope_(executor, "the clock") {
  ENSURE(allowance.count() > 0, "a clock without an allowance would never move");
}

void AwakeClock::start() {
  ENSURE(scope_.size() == 0, "the clock was started twice");
  last_tick_ = machine_.now();
  note();
  scope_.start("ticks", tick());
}

Async<void> AwakeClock::stop() {
  co_await scope_.close();
  not_beyond_.store(kFree, std::memory_order_release);
}

Async<void> AwakeClock::tick() {
  for (;;) {
    co_await machine_.sleep_for(allowance_ / kTicksPerAllowance);
    note();
  }
}

/// The control thread runs at this moment.
void AwakeClock::note() {
  const SteadyTime machine_now = machine_.now();
  const auto gap = machine_now - last_tick_;
  if (gap > allowance_) {
    // In this order: another thread that reads between the two sees the clock where it stood.
    stalled_.fetch_add((gap - allowance_).count(), std::memory_order_release);
  }
  last_tick_ = machine_now;
  not_beyond_.store((machine_now - stalled() + allowance_).time_since_epoch().count(), std::memory_order_release);
}

SteadyTime AwakeClock::now() const {
  const SteadyTime::rep not_beyond = not_beyond_.load(std::memory_order_acquire);
  const SteadyTime lived = machine_.now() - SteadyTime::duration(stalled_.load(std::memory_order_acquire));
  return std::min(lived, SteadyTime(SteadyTime::duration(not_beyond)));
}

Async<void> AwakeClock::sleep_until(SteadyTime time) {
  while (now() < time) {
    const SteadyTime::duration stalled(stalled_.load(std::memory_order_relaxed));
    co_await machine_.sleep_until(time > SteadyTime::max() - stalled ? SteadyTime::max() : time + stalled);
    if (not_beyond_.load(std::memory_order_relaxed) != kFree) note();
  }
}

std::chrono::nanoseconds AwakeClock::stalled() const noexcept {
  return SteadyTime::duration(stalled_.load(std::memory_order_acquire));
}

}  // namespace weir
