// A clock that a test moves by hand.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>

#include "common/async/clock.h"

namespace weir::testing {

/// Stands in for the machine's clock: time passes only when `advance` says so, and those who sleep wake in order of
/// their time. Lives on: the thread of its sleepers' executor. Outlives them.
class SimClock final : public Clock {
 public:
  SteadyTime now() const override { return now_; }
  WallTime wall_now() const override { return wall_; }
  Async<void> sleep_until(SteadyTime time) override;

  /// Moves both clocks and wakes whom it concerns; they run after the caller has suspended.
  void advance(std::chrono::nanoseconds duration);
  /// Sets the time of day, as an administrator or NTP would; sleepers don't notice.
  void jump_wall(WallTime time) { wall_ = time; }
  /// Coroutines that sleep now.
  std::size_t sleepers() const noexcept { return sleepers_.size(); }

 private:
  struct Sleeper {
    asio::any_io_executor executor;
    asio::any_completion_handler<void(boost::system::error_code)> completion;
  };
  using Key = std::pair<SteadyTime, std::uint64_t>;
  void wake(Key key, boost::system::error_code reason);

  SteadyTime now_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::milliseconds(1'700'000'000'000)};
  std::map<Key, Sleeper> sleepers_;
  std::uint64_t next_number_ = 0;
};

}  // namespace weir::testing
