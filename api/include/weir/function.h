// What users write: functions and objects that DataStream takes, and how their types are found.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/collector.h"
#include "weir/context.h"
#include "weir/detail/function_checks.h"

namespace weir {

// A function is anything that can be called, or an object with a member named after the operation. It is copied for
// every subtask.
//
//     map       R (const T&)                              R (const T&, RuntimeContext&)
//     filter    bool (const T&)                           bool (const T&, RuntimeContext&)
//     flat_map  void (const T&, Collector<R>&)            void (const T&, RuntimeContext&, Collector<R>&)
//     reduce    T (const T&, const T&)
//     process   void (const T&, RuntimeContext&, Collector<R>&)
//               on a keyed stream KeyedContext<K>& instead of RuntimeContext&, and for timers
//               void on_timer(EventTime, KeyedContext<K>&, Collector<R>&)
//
//               on connected streams (weir/connected_streams.h) two of them: map1 and map2, flat_map1 and flat_map2,
//               process1 and process2
//
// So map() takes a function, a lambda, an object with `R operator()(const T&)`, or an object with `R map(const T&)`. An
// object with both, each of which could be called, is refused.
//
// A function object may have `void open(RuntimeContext&)`, called once before the first record, and `void close()`,
// called once when the task ends, however it ends: also after a failure, a cancellation, and an open that threw. On a
// keyed stream open may take KeyedContext<K>& and asks its context for states, which are then those of the record's
// key. All run on the slot's thread and must not block it. What a function throws fails the task; what close throws
// fails a task that had ended well, and is logged where something else has failed before. A member open, close or
// on_timer that could never be called is a compile error.

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

/// What the call operator, or the function itself, collects.
template <class F>
constexpr auto collected_by_call() {
  if constexpr (requires { &F::operator(); }) {
    return std::type_identity<typename CollectedBy<decltype(&F::operator())>::Type>{};
  } else {
    return std::type_identity<typename CollectedBy<F>::Type>{};
  }
}
template <class F>
using CollectedByCall = typename decltype(collected_by_call<F>())::type;

template <class Given, class Found>
using GivenOr = std::conditional_t<std::is_same_v<Given, Deduced>, Found, Given>;

// A function object whose member is named after the operation, as an object with a call operator. It is opened and
// closed as what it holds.
template <class F>
struct ByMember {
  F function;

  template <class Context>
  requires(OpensWith<F, Context>) void open(Context& context) { function.open(context); }
  void close() requires(Closes<F>) { function.close(); }
};
template <class F>
struct MapByMember : ByMember<F> {
  template <class G = F, class... A>
  [[gnu::always_inline]] auto operator()(A&&... a) -> decltype(std::declval<G&>().map(std::forward<A>(a)...)) {
    return this->function.map(std::forward<A>(a)...);
  }
};
template <class F>
struct FilterByMember : ByMember<F> {
  template <class G = F, class... A>
  [[gnu::always_inline]] auto operator()(A&&... a) -> decltype(std::declval<G&>().filter(std::forward<A>(a)...)) {
    return this->function.filter(std::forward<A>(a)...);
  }
};
template <class F>
struct FlatMapByMember : ByMember<F> {
  template <class G = F, class... A>
  [[gnu::always_inline]] auto operator()(A&&... a) -> decltype(std::declval<G&>().flat_map(std::forward<A>(a)...)) {
    return this->function.flat_map(std::forward<A>(a)...);
  }
};
template <class F>
struct ProcessByMember : ByMember<F> {
  template <class G = F, class... A>
  [[gnu::always_inline]] auto operator()(A&&... a) -> decltype(std::declval<G&>().process(std::forward<A>(a)...)) {
    return this->function.process(std::forward<A>(a)...);
  }
};
template <class F>
struct ReduceByMember : ByMember<F> {
  template <class G = F, class... A>
  [[gnu::always_inline]] auto operator()(A&&... a) -> decltype(std::declval<G&>().reduce(std::forward<A>(a)...)) {
    return this->function.reduce(std::forward<A>(a)...);
  }
};

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

// The checks stand in classes of their own, so that a mistake is one line and nothing of the engine is instantiated
// behind it. Each finds how the function is called: by its call operator, or by the member named after the operation.

template <class F, class T>
struct CheckMap {
  using Member = MapByMember<F>;
  static constexpr bool kByCall = !std::is_same_v<MappedType<F, T>, Deduced>;
  static constexpr bool kByMember = !std::is_same_v<MappedType<Member, T>, Deduced>;
  static_assert(!kByCall || !kByMember,
                "weir: map() could call operator() or the member map() of this function; keep one of them");
  static_assert(
      kByCall || kByMember,
      "weir: the function given to map() cannot be called with a record of this stream; it takes (const T&) or "
      "(const T&, weir::RuntimeContext&), as operator() or as a public member map()");
  /// How the operator calls it.
  using Function = std::conditional_t<kByMember, Member, F>;
  using R = MappedType<Function, T>;
  static_assert(!std::is_void_v<R>,
                "weir: the function given to map() returns nothing; return the new record, or use flat_map()");
  static constexpr bool kCallable = kByCall != kByMember && !std::is_void_v<R>;
  static Function function(F f) {
    if constexpr (kByMember) {
      return {{std::move(f)}};
    } else {
      return f;
    }
  }
};

template <class F, class T>
struct CheckFilter {
  template <class G>
  static constexpr bool kDecides =
      std::is_invocable_r_v<bool, G&, const T&> || std::is_invocable_r_v<bool, G&, const T&, RuntimeContext&>;
  static constexpr bool kByCall = kDecides<F>;
  static constexpr bool kByMember = kDecides<FilterByMember<F>>;
  static_assert(!kByCall || !kByMember,
                "weir: filter() could call operator() or the member filter() of this function; keep one of them");
  static_assert(
      kByCall || kByMember,
      "weir: the function given to filter() cannot be called with a record of this stream, or does not return "
      "bool; it takes (const T&) or (const T&, weir::RuntimeContext&), as operator() or as a public member "
      "filter()");
  static constexpr bool kCallable = kByCall != kByMember;
  using Function = std::conditional_t<kByMember, FilterByMember<F>, F>;
  static Function function(F f) {
    if constexpr (kByMember) {
      return {{std::move(f)}};
    } else {
      return f;
    }
  }
};

template <class F>
constexpr auto collected_by_flat_map() {
  if constexpr (requires { &F::flat_map; }) {
    return std::type_identity<typename CollectedBy<decltype(&F::flat_map)>::Type>{};
  } else {
    return std::type_identity<Deduced>{};
  }
}
template <class F, class T, class R>
constexpr bool flat_maps() {
  if constexpr (std::is_same_v<R, Deduced>) {
    return false;
  } else {
    return std::is_invocable_v<F&, const T&, Collector<R>&> ||
           std::is_invocable_v<F&, const T&, RuntimeContext&, Collector<R>&>;
  }
}
/// @param Given  the output that the call names; Deduced when it names none
template <class F, class T, class Given>
struct CheckFlatMap {
  using Member = FlatMapByMember<F>;
  using CallOutput = GivenOr<Given, CollectedByCall<F>>;
  using MemberOutput = GivenOr<Given, typename decltype(collected_by_flat_map<F>())::type>;
  static constexpr bool kByCall = flat_maps<F, T, CallOutput>();
  static constexpr bool kByMember = flat_maps<Member, T, MemberOutput>();
  static constexpr bool kSeen = !std::is_same_v<CallOutput, Deduced> || !std::is_same_v<MemberOutput, Deduced>;
  static_assert(!kByCall || !kByMember,
                "weir: flat_map() could call operator() or the member flat_map() of this function; keep one of them");
  static_assert(kSeen,
                "weir: flat_map() cannot see what its function collects; write flat_map<Out>(...), or take "
                "weir::Collector<Out>& as the last parameter");
  static_assert(
      !kSeen || kByCall || kByMember,
      "weir: the function given to flat_map() cannot be called with a record of this stream; it takes (const "
      "T&, weir::Collector<Out>&) or (const T&, weir::RuntimeContext&, weir::Collector<Out>&), as operator() or "
      "as a public member flat_map()");
  using R = std::conditional_t<kByMember, MemberOutput, CallOutput>;
  using Function = std::conditional_t<kByMember, Member, F>;
  static constexpr bool kCallable = kByCall != kByMember;
  static Function function(F f) {
    if constexpr (kByMember) {
      return {{std::move(f)}};
    } else {
      return f;
    }
  }
};

template <class F>
constexpr auto collected_by_process() {
  if constexpr (requires { &F::process; }) {
    return std::type_identity<typename CollectedBy<decltype(&F::process)>::Type>{};
  } else {
    return std::type_identity<Deduced>{};
  }
}
template <class F, class T, class Context, class Given>
struct CheckProcess {
  using CallOutput = GivenOr<Given, CollectedByCall<F>>;
  using MemberOutput = GivenOr<Given, typename decltype(collected_by_process<F>())::type>;
  static constexpr bool by_call() {
    if constexpr (std::is_same_v<CallOutput, Deduced>) {
      return false;
    } else {
      return std::is_invocable_v<F&, const T&, Context&, Collector<CallOutput>&>;
    }
  }
  static constexpr bool by_member() {
    if constexpr (std::is_same_v<MemberOutput, Deduced>) {
      return false;
    } else {
      return requires(F & f, const T& record, Context& context, Collector<MemberOutput>& out) {
        f.process(record, context, out);
      };
    }
  }
  static constexpr bool kByCall = by_call();
  static constexpr bool kByMember = by_member();
  static constexpr bool kSeen = !std::is_same_v<CallOutput, Deduced> || !std::is_same_v<MemberOutput, Deduced>;
  static_assert(!kByCall || !kByMember,
                "weir: process() could call operator() or the member process() of this function; keep one of them");
  static_assert(kSeen,
                "weir: process() cannot see what its function collects; write process<Out>(...), or take "
                "weir::Collector<Out>& as the last parameter");
  static_assert(!kSeen || kByCall || kByMember,
                "weir: the function given to process() cannot be called with (const T&, context&, "
                "weir::Collector<Out>&), as operator() or as a public member process(); the context is "
                "weir::RuntimeContext, on a keyed stream weir::KeyedContext<K>, where K is the type of the key");
  using R = std::conditional_t<kByMember, MemberOutput, CallOutput>;
  static constexpr bool kCallable = kByCall != kByMember;
};

template <class F, class T>
struct CheckReduce {
  template <class G>
  static constexpr bool kReduces = std::is_invocable_r_v<T, G&, const T&, const T&>;
  static constexpr bool kByCall = kReduces<F>;
  static constexpr bool kByMember = kReduces<ReduceByMember<F>>;
  static_assert(!kByCall || !kByMember,
                "weir: reduce() could call operator() or the member reduce() of this function; keep one of them");
  static_assert(kByCall || kByMember,
                "weir: the function given to reduce() must take two records (const T&, const T&) and return one of the "
                "same type, as operator() or as a public member reduce()");
  static constexpr bool kCallable = kByCall != kByMember;
  using Function = std::conditional_t<kByMember, ReduceByMember<F>, F>;
  static Function function(F f) {
    if constexpr (kByMember) {
      return {{std::move(f)}};
    } else {
      return f;
    }
  }
};

/// The function fits, and so does its life cycle, which is looked at only then: one mistake is one line.
template <class Check, class LifeCycle>
constexpr bool accepted() {
  if constexpr (Check::kCallable) {
    return LifeCycle::kGood;
  } else {
    return false;
  }
}

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
