// What a coroutine of the control plane returns.
//
// Cancelling: when a scope closes, every coroutine in it is unwound by an exception thrown at its current or next
// `co_await`; destructors run, nobody but the scope catches it (never `catch (...)` around a `co_await`). So a loop
// needs no "am I cancelled" question, and no error code stands for it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "weir/result.h"

// GCC 12 takes the frame allocator of Asio's coroutines for a mistake once it is inlined, wherever a coroutine stands.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace weir {

namespace asio = boost::asio;

namespace detail {

template <class T>
struct AsyncYields {
  using type = Result<T>;
};
template <class T>
struct AsyncYields<Result<T>> {
  using type = Result<T>;
};
template <>
struct AsyncYields<void> {
  using type = void;
};

}  // namespace detail

/// A coroutine that lives on the control thread.
///     Async<int>           co_await yields Result<int>; a value or an Error is co_returned
///     Async<Result<void>>  co_await yields Result<void>: it may fail and has nothing to give; co_return
///     Result<void>(); Async<void>          co_await yields nothing: it can't fail, and may stand alone as a statement
template <class T>
using Async = asio::awaitable<typename detail::AsyncYields<T>::type>;

/// Awaited after an operation that reports cancelling otherwise than by throwing: unwinds when this coroutine has been
/// cancelled, and does nothing else. (The check is in `co_await` itself.)
inline Async<void> unwind_if_cancelled() { co_return; }

}  // namespace weir
