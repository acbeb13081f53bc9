#include "common/async/event.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir {

Event::Event(asio::any_io_executor executor) : timer_(std::move(executor), asio::steady_timer::time_point::max()) {}

void Event::set() {
  is_set_ = true;
  timer_.cancel();
}

void Event::reset() { is_set_ = false; }

Async<void> Event::wait() {
  while (!is_set_) {
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    // Woken by set() or by cancellation of this coroutine; the latter throws here.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(woken);
    // Set and reset again before this coroutine ran: it was let pass all the same.
    co_return;
  }
}

}  // namespace weir
