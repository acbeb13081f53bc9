// A coroutine waits here until another one says go.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "common/async/task.h"

namespace weir {

/// A flag that coroutines can wait for.
/// Lives on: one thread, its executor's. Outlives those who wait on it.
/// Promise: `set` never resumes anybody inside the call; those who wait run after the caller has suspended or returned.
class Event {
 public:
  explicit Event(asio::any_io_executor executor);

  /// Lets everybody who waits, and who comes to wait, pass until `reset`.
  void set();
  void reset();
  bool is_set() const noexcept { return is_set_; }

  /// Returns at once when set; otherwise waits. Can be cancelled.
  Async<void> wait();

 private:
  asio::steady_timer timer_;
  bool is_set_ = false;
};

/// The same as a thing that can have a deadline: with_deadline(clock, time, "what", wait_for(event)).
Async<Result<void>> wait_for(Event& event);

}  // namespace weir
