// Questions from REST threads, put to the control thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "common/async/task.h"
#include "jobmanager/rest/backend.h"
#include "weir/result.h"

namespace weir::jobmanager {

namespace detail {

inline Error thrown(const std::exception& problem) {
  return Error::internal(std::string("the request could not be handled: ") + problem.what());
}

}  // namespace detail

/// Calls `question` on the control thread and replies with the Result<T> that it returns. An exception becomes an
/// Error: a question never ends the daemon.
template <class T, class Question>
void ask(const asio::any_io_executor& control, rest::Reply<T> reply, Question question) {
  asio::post(control, [reply = std::move(reply), question = std::move(question)]() mutable {
    Result<T> outcome = Error::internal("the question was not asked");
    try {
      outcome = question();
    } catch (const std::exception& problem) {
      outcome = detail::thrown(problem);
    }
    reply(std::move(outcome));
  });
}

/// The same for a question that takes a coroutine: replies with what `work` returns, unless it is cancelled, which
/// drops the reply.
template <class T>
Async<void> reply_with(rest::Reply<T> reply, asio::awaitable<Result<T>> work) {
  Result<T> outcome = Error::internal("the question was not asked");
  try {
    outcome = co_await std::move(work);
  } catch (const boost::system::system_error& problem) {
    if (problem.code() == asio::error::operation_aborted) throw;  // cancelled: the scope expects it
    outcome = detail::thrown(problem);
  } catch (const std::exception& problem) {
    outcome = detail::thrown(problem);
  }
  reply(std::move(outcome));
}

}  // namespace weir::jobmanager
