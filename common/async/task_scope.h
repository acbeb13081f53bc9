// Background work with an owner: nothing that was started through a scope is left when the scope has closed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/event.h"
#include "common/async/task.h"

namespace weir {

/// Starts coroutines and knows those that have not ended.
/// Lives on: the control thread. A member of the object whose work it runs, declared last, so that it goes first.
/// Promise: after `co_await close()` none of its coroutines exists any more. The destructor ENSUREs that it is empty.
/// An exception that leaves a coroutine otherwise than by cancelling is a broken promise and stops the process.
class TaskScope {
 public:
  using Ticket = std::uint64_t;

  TaskScope(asio::any_io_executor executor, std::string owner);
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Runs `work` in the background, beginning after the caller has suspended. After close() began, `work` is dropped
  /// unrun.
  /// @return  a ticket for `cancel`
  Ticket start(std::string_view name, Async<void> work);
  /// Cancels one coroutine; nothing when it has ended. It ends later, not inside this call.
  void cancel(Ticket ticket);
  /// Cancels all and accepts no more; does not wait.
  void cancel_all();
  /// Cancels all, accepts no more, and waits until all have ended. Not from inside the scope: that would wait for
  /// itself.
  Async<void> close();
  /// Waits, without cancelling, until nothing runs.
  Async<void> wait_until_empty();

  std::size_t size() const noexcept { return running_.size(); }
  bool is_closed() const noexcept { return closed_; }
  /// Names of what runs, for "what are we waiting for".
  std::vector<std::string> names() const;

 private:
  struct Running {
    std::string name;
    asio::cancellation_signal signal;
    bool is_cancelled = false;
  };
  void ended(Ticket ticket, std::exception_ptr thrown);

  // Set once
  asio::any_io_executor executor_;
  const std::string owner_;
  // Control thread only
  std::map<Ticket, Running> running_;
  Ticket next_ticket_ = 1;
  bool closed_ = false;
  Event empty_;
};

}  // namespace weir
