#include "tests/support/sim_clock.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::testing {

Async<void> SimClock::sleep_until(SteadyTime time) {
  if (time <= now_) co_return;
  const Key key(time, next_number_++);
  auto initiate = [this, key](auto handler) {
    const asio::any_io_executor executor = asio::get_associated_executor(handler);
    // The type-erased handler has a cancellation slot of its own, which takes the place of the one underneath.
    Sleeper sleeper{executor, std::move(handler)};
    auto slot = asio::get_associated_cancellation_slot(sleeper.completion);
    if (slot.is_connected())
      slot.assign([this, key](asio::cancellation_type) { wake(key, asio::error::operation_aborted); });
    sleepers_.emplace(key, std::move(sleeper));
  };
  auto sleep = asio::async_initiate<const asio::use_awaitable_t<>, void(boost::system::error_code)>(
      std::move(initiate), asio::use_awaitable);
  co_await std::move(sleep);
}

void SimClock::advance(std::chrono::nanoseconds duration) {
  now_ += std::chrono::duration_cast<SteadyTime::duration>(duration);
  wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  while (!sleepers_.empty() && sleepers_.begin()->first.first <= now_)
    wake(sleepers_.begin()->first, boost::system::error_code());
}

void SimClock::wake(Key key, boost::system::error_code reason) {
  const auto found = sleepers_.find(key);
  if (found == sleepers_.end()) return;
  auto sleeper = std::move(found->second);
  sleepers_.erase(found);
  asio::get_associated_cancellation_slot(sleeper.completion).clear();
  asio::post(sleeper.executor,
             [completion = std::move(sleeper.completion), reason]() mutable { std::move(completion)(reason); });
}

}  // namespace weir::testing
