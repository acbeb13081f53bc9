// The threads that a daemon's control plane is made of: one that decides, and a few that may block.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "common/async/task.h"

namespace weir {

/// The one thread on which everything that a daemon's control plane knows lives.
/// Either a thread of its own (`start`) or the caller's (`run`, `run_to_end`), one of them at a time. Owned by main;
/// destroyed last: what has coroutines on it closes its scopes first.
class ControlThread {
 public:
  explicit ControlThread(std::string name);
  ~ControlThread();  ///< stops and joins
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  /// Runs on a thread of its own, which bears the name, until `stop`.
  void start();
  /// Makes the calling thread the control thread until `stop`.
  void run();
  /// Makes the calling thread the control thread until `work` has ended, and gives what it returned. An exception of
  /// `work` is thrown on.
  template <class T>
  T run_to_end(asio::awaitable<T> work);
  /// Any thread: the loop returns after the step that it is in.
  void stop();

  asio::any_io_executor executor() { return context_.get_executor(); }
  asio::io_context& context() noexcept { return context_; }

  bool is_current() const noexcept { return thread_id_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
  /// ENSUREs that the caller is on the control thread, or that nobody is (before the start and after the end).
  void check_control_thread() const;

 private:
  void loop();

  // Set once
  const std::string name_;
  asio::io_context context_{1};
  std::thread thread_;
  // Any thread
  std::atomic<std::thread::id> thread_id_{};
};

/// A few threads for calls that block: files and child processes. They own nothing.
/// Lives on: any thread. Destroyed before the control thread that it returns to; waits for the calls under way.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads);
  ~BlockingPool();
  asio::thread_pool::executor_type executor() { return pool_.get_executor(); }

 private:
  asio::thread_pool pool_;
};

namespace detail {

/// "an unexpected exception: <what it says>".
Error unexpected_exception(const std::exception_ptr& thrown);

/// What came of a call on the pool. An exception becomes the Error of a call that returns a Result; others throw it on.
template <class Value>
struct BlockingOutcome {
  std::exception_ptr thrown;
  Value value{};
};

template <class Value, class Function>
BlockingOutcome<Value> outcome_of(Function& function) noexcept {
  BlockingOutcome<Value> outcome;
  try {
    outcome.value = function();
  } catch (...) {
    if constexpr (std::is_same_v<typename AsyncYields<Value>::type, Value>) {
      outcome.value = unexpected_exception(std::current_exception());
    } else {
      outcome.thrown = std::current_exception();
    }
  }
  return outcome;
}

}  // namespace detail

/// Runs `function` on the pool and yields what it returned, back on the caller's executor. Cancelling does not
/// interrupt it: the caller waits for its end, so `function` may refer to what the caller owns. What it throws becomes
/// an Error (internal) where it returns a Result; elsewhere the caller gets the exception.
///     auto text = co_await run_blocking(pool, read);   // name the lambda on the line above
template <class Function>
auto run_blocking(BlockingPool& pool, Function function) -> asio::awaitable<std::invoke_result_t<Function&>> {
  using Value = std::invoke_result_t<Function&>;
  if constexpr (std::is_void_v<Value>) {
    auto initiate = [](auto handler, asio::thread_pool::executor_type where, Function work) {
      auto back = asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
      asio::post(where, [handler = std::move(handler), back, work = std::move(work)]() mutable noexcept {
        std::exception_ptr thrown;
        try {
          work();
        } catch (...) {
          thrown = std::current_exception();
        }
        asio::post(back, [handler = std::move(handler), thrown]() mutable { handler(thrown); });
      });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        std::move(initiate), asio::use_awaitable, pool.executor(), std::move(function));
  } else {
    auto initiate = [](auto handler, asio::thread_pool::executor_type where, Function work) {
      auto back = asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
      asio::post(where, [handler = std::move(handler), back, work = std::move(work)]() mutable noexcept {
        asio::post(back, [handler = std::move(handler), outcome = detail::outcome_of<Value>(work)]() mutable {
          handler(outcome.thrown, std::move(outcome.value));
        });
      });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Value)>(
        std::move(initiate), asio::use_awaitable, pool.executor(), std::move(function));
  }
}

template <class T>
T ControlThread::run_to_end(asio::awaitable<T> work) {
  std::exception_ptr problem;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context_, std::move(work), [&](std::exception_ptr thrown) {
      problem = thrown;
      stop();
    });
    run();
    if (problem) std::rethrow_exception(problem);
  } else {
    std::optional<T> value;
    asio::co_spawn(context_, std::move(work), [&](std::exception_ptr thrown, T result) {
      problem = thrown;
      value.emplace(std::move(result));
      stop();
    });
    run();
    if (problem) std::rethrow_exception(problem);
    return std::move(*value);
  }
}

}  // namespace weir
