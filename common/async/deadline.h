// Work that must end in time.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <string>
#include <string_view>
#include <utility>

#include "common/async/clock.h"
#include "common/async/task.h"

namespace weir {

/// What with_deadline gives when time is up: "no answer in time: <what>".
Error deadline_error(std::string_view what);

/// Runs `work` until `deadline` on `clock`.
/// @param what  names the work in the error
/// Errors: those of `work`; deadline_exceeded (external) when time is up. `work` is cancelled then, and has ended when
/// this returns.
template <class T>
asio::awaitable<Result<T>> with_deadline(Clock& clock, SteadyTime deadline, std::string what,
                                         asio::awaitable<Result<T>> work) {
  using namespace asio::experimental::awaitable_operators;
  auto sleep = clock.sleep_until(deadline);
  auto race = std::move(work) || std::move(sleep);
  auto outcome = co_await std::move(race);
  if (auto* result = std::get_if<0>(&outcome)) co_return std::move(*result);
  co_return deadline_error(what);
}

}  // namespace weir
