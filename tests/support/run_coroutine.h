// A test case that is a coroutine.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "common/async/executor.h"
#include "common/async/task.h"

namespace weir::testing {

/// Runs `body(control)` to its end on the calling thread as control thread; aborts with a sentence when it has not
/// ended after `limit`.
///     run_coroutine([](ControlThread& control) -> Async<void> { ... });   // no captures
template <class Body>
void run_coroutine(Body body, std::chrono::seconds limit = std::chrono::seconds(60)) {
  ControlThread control("test");
  asio::steady_timer watchdog(control.context(), limit);
  watchdog.async_wait([](boost::system::error_code problem) {
    if (problem) return;
    std::fputs("the coroutine of a test did not end in time\n", stderr);
    std::abort();
  });
  control.run_to_end(body(control));
}

/// Lets everything that is ready run, a few times over.
inline Async<void> let_others_run() {
  for (int round = 0; round < 20; ++round) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace weir::testing
