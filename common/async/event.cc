#include "common/async/event.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir {

Event::Event(asio::any_io_executor executor) : timer_(executor, asio::steady_timer::time_point::max()) {}

void Event::set() {
  is_set_ = true;
  timer_.cancel();
}

void Event::reset() { is_set_ = false; }

Async<void> Event::wait() {
  if (is_set_) co_return;
  boost::system::error_code woken;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  // Woken by set(), which may have been taken back before this coroutine ran, or because it has been cancelled.
  if (!is_set_) co_await unwind_if_cancelled();
}

Async<Result<void>> wait_for(Event& event) {
  co_await event.wait();
  co_return Result<void>();
}

}  // namespace weir
