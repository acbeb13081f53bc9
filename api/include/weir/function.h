// What users write: functions and objects that DataStream takes, and how their types are found.
#pragma once

#include <functional>
#include <string>
#include <type_traits>

#include "weir/collector.h"
#include "weir/context.h"

namespace weir {

// A function is anything that can be called, and is copied for every subtask:
//
//     map       R (const T&)                              R (const T&, RuntimeContext&)
//     filter    bool (const T&)                           bool (const T&, RuntimeContext&)
//     flat_map  void (const T&, Collector<R>&)            void (const T&, RuntimeContext&, Collector<R>&)
//     reduce    T (const T&, const T&)
//     process   void (const T&, RuntimeContext&, Collector<R>&), as call operator or as a member `process`
//               on a keyed stream KeyedContext<K>& instead of RuntimeContext&, and for timers
//               void on_timer(EventTime, KeyedContext<K>&, Collector<R>&)
//
//               on connected streams (weir/connected_streams.h) two of them: map1 and map2, flat_map1 and flat_map2,
//               process1 and process2
//
// A function object may have `void open(RuntimeContext&)`, called once before the first record, and `void close()`,
// called once when the task ends, however it ends: also after a failure, a cancellation, and an open that threw. All
// run on the slot's thread and must not block it. What a function throws fails the task; what close throws fails a task
// that had ended well, and is logged where something else has failed before. On a keyed stream open() may ask its
// context for states, which are then those of the record's key.

namespace detail {

/// Stands for "find the output type yourself".
struct Deduced {};

/// The R of the Collector<R>& that a function takes last; Deduced when it cannot be seen: a generic lambda, an
/// overloaded function.
template <class Signature>
struct CollectedBy {
  using Type = Deduced;
};
template <class Last>
struct CollectedLast {
  using Type = Deduced;
};
template <class R>
struct CollectedLast<Collector<R>&> {
  using Type = R;
};
template <class... A>
struct LastOf {
  using Type = Deduced;
};
template <class A>
struct LastOf<A> {
  using Type = typename CollectedLast<A>::Type;
};
template <class A, class B, class... Rest>
struct LastOf<A, B, Rest...> : LastOf<B, Rest...> {};

template <class R, class... A>
struct CollectedBy<R (*)(A...)> : LastOf<A...> {};
template <class R, class... A>
struct CollectedBy<R (*)(A...) noexcept> : LastOf<A...> {};
template <class C, class R, class... A>
struct CollectedBy<R (C::*)(A...)> : LastOf<A...> {};
template <class C, class R, class... A>
struct CollectedBy<R (C::*)(A...) const> : LastOf<A...> {};
template <class C, class R, class... A>
struct CollectedBy<R (C::*)(A...) noexcept> : LastOf<A...> {};
template <class C, class R, class... A>
struct CollectedBy<R (C::*)(A...) const noexcept> : LastOf<A...> {};

template <class F>
constexpr auto collected_type() {
  if constexpr (requires { &F::process; }) {
    return std::type_identity<typename CollectedBy<decltype(&F::process)>::Type>{};
  } else if constexpr (requires { &F::operator(); }) {
    return std::type_identity<typename CollectedBy<decltype(&F::operator())>::Type>{};
  } else {
    return std::type_identity<typename CollectedBy<F>::Type>{};
  }
}
template <class Given, class F>
using OutputType =
    std::conditional_t<std::is_same_v<Given, Deduced>, typename decltype(collected_type<F>())::type, Given>;

/// What map's function makes; Deduced when it cannot be called.
template <class F, class T>
constexpr auto mapped_type() {
  if constexpr (std::is_invocable_v<F&, const T&>) {
    return std::type_identity<std::remove_cvref_t<std::invoke_result_t<F&, const T&>>>{};
  } else if constexpr (std::is_invocable_v<F&, const T&, RuntimeContext&>) {
    return std::type_identity<std::remove_cvref_t<std::invoke_result_t<F&, const T&, RuntimeContext&>>>{};
  } else {
    return std::type_identity<Deduced>{};
  }
}
template <class F, class T>
using MappedType = typename decltype(mapped_type<F, T>())::type;

template <class F, class T, class Context, class R>
inline constexpr bool kProcesses = std::is_invocable_v<F&, const T&, Context&, Collector<R>&> ||
                                   requires(F& f, const T& record, Context& context, Collector<R>& out) {
  f.process(record, context, out);
};

// The checks stand in classes of their own, so that a mistake is one line and nothing of the engine is instantiated
// behind it.
template <class F, class T>
struct CheckMap {
  using R = MappedType<F, T>;
  static_assert(!std::is_same_v<R, Deduced>,
                "weir: the function given to map() cannot be called with a record of this stream (const T&)");
  static_assert(!std::is_void_v<R>,
                "weir: the function given to map() returns nothing; return the new record, or use flat_map()");
  static constexpr bool kCallable = !std::is_same_v<R, Deduced> && !std::is_void_v<R>;
};
template <class F, class T>
struct CheckFilter {
  static constexpr bool kCallable =
      std::is_invocable_r_v<bool, F&, const T&> || std::is_invocable_r_v<bool, F&, const T&, RuntimeContext&>;
  static_assert(kCallable,
                "weir: the function given to filter() cannot be called with a record of this stream (const T&), or "
                "does not answer bool");
};
template <class F, class T, class R>
struct CheckFlatMap {
  static constexpr bool kDeduced = !std::is_same_v<R, Deduced>;
  static_assert(kDeduced,
                "weir: flat_map() cannot see what its function collects; write flat_map<Out>(...), or take "
                "weir::Collector<Out>& as the last parameter");
  static constexpr bool takes() {
    if constexpr (kDeduced) {
      return std::is_invocable_v<F&, const T&, Collector<R>&> ||
             std::is_invocable_v<F&, const T&, RuntimeContext&, Collector<R>&>;
    } else {
      return false;
    }
  }
  static constexpr bool kTakes = takes();
  static_assert(!kDeduced || kTakes,
                "weir: the function given to flat_map() cannot be called with (const T&, weir::Collector<Out>&)");
  static constexpr bool kCallable = kDeduced && kTakes;
};
template <class F, class T, class Context, class R>
struct CheckProcess {
  static constexpr bool kDeduced = !std::is_same_v<R, Deduced>;
  static_assert(kDeduced,
                "weir: process() cannot see what its function collects; write process<Out>(...), or take "
                "weir::Collector<Out>& as the last parameter");
  static constexpr bool takes() {
    if constexpr (kDeduced) {
      return kProcesses<F, T, Context, R>;
    } else {
      return false;
    }
  }
  static constexpr bool kTakes = takes();
  static_assert(!kDeduced || kTakes,
                "weir: the function given to process() cannot be called with (const T&, context&, "
                "weir::Collector<Out>&); the context is weir::RuntimeContext, on a keyed stream weir::KeyedContext<K>");
  static constexpr bool kCallable = kDeduced && kTakes;
};
template <class F, class T>
struct CheckReduce {
  static constexpr bool kCallable = std::is_invocable_r_v<T, F&, const T&, const T&>;
  static_assert(kCallable,
                "weir: the function given to reduce() must take two records (const T&, const T&) and return one of the "
                "same type");
};

/// Only a function object with open() can ask for a state.
template <class F>
inline constexpr bool kOpens = requires(F& function, RuntimeContext& context) {
  function.open(context);
};

template <class F, class Context>
void open_function(F& function, Context& context) {
  if constexpr (requires { function.open(context); }) function.open(context);
}
template <class F>
void close_function(F& function) {
  if constexpr (requires { function.close(); }) function.close();
}

}  // namespace detail
}  // namespace weir
