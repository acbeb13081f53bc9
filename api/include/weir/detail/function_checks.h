// Checks of the members that a function object may have beside its function: open, close and on_timer. A member of such
// a name that the engine could never call would be passed over in silence; here it is a compile error.
#pragma once

#include <concepts>
#include <type_traits>

#include "weir/collector.h"
#include "weir/context.h"
#include "weir/keyed_context.h"
#include "weir/time.h"

namespace weir::detail {

// A class has a member of a name, whatever its access, constness, overloads and parameters, if the name becomes
// ambiguous beside a rival of the same name. kIsNoFunction is true for public data, enumerators and types: these have a
// right to the name. The name is a token, so each has a struct of its own.

template <class F, class Rival>
struct BesideRival : F, Rival {};

struct OpenMember {
  struct Rival {
    int open;
  };
  template <class F>
  static constexpr bool kIsFound = requires {
    &F::open;
  };
  template <class F>
  static constexpr bool kIsNoFunction = requires {
    typename F::open;
  }
  || requires { requires !std::is_function_v<decltype(F::open)>; };
};
struct CloseMember {
  struct Rival {
    int close;
  };
  template <class F>
  static constexpr bool kIsFound = requires {
    &F::close;
  };
  template <class F>
  static constexpr bool kIsNoFunction = requires {
    typename F::close;
  }
  || requires { requires !std::is_function_v<decltype(F::close)>; };
};
struct OnTimerMember {
  struct Rival {
    int on_timer;
  };
  template <class F>
  static constexpr bool kIsFound = requires {
    &F::on_timer;
  };
  template <class F>
  static constexpr bool kIsNoFunction = requires {
    typename F::on_timer;
  }
  || requires { requires !std::is_function_v<decltype(F::on_timer)>; };
};
struct FlinkOnTimerMember {
  struct Rival {
    int onTimer;
  };
  template <class F>
  static constexpr bool kIsFound = requires {
    &F::onTimer;
  };
  template <class F>
  static constexpr bool kIsNoFunction = requires {
    typename F::onTimer;
  }
  || requires { requires !std::is_function_v<decltype(F::onTimer)>; };
};

/// F has a member function of that name. A final class can't be derived from, so of its members only the public ones
/// that are not overloaded are seen.
template <class F, class Member>
constexpr bool has_function() {
  if constexpr (!std::is_class_v<F>) {
    return false;
  } else if constexpr (Member::template kIsNoFunction<F>) {
    return false;
  } else if constexpr (std::is_final_v<F>) {
    return Member::template kIsFound<F>;
  } else {
    return !Member::template kIsFound<BesideRival<F, typename Member::Rival>>;
  }
}

template <class Context>
inline constexpr bool kIsKeyedContext = false;
template <class K>
inline constexpr bool kIsKeyedContext<KeyedContext<K>> = true;

template <class F, class Context>
concept OpensWith = requires(F& function, Context& context) {
  { function.open(context) } -> std::same_as<void>;
};
template <class F>
concept Closes = requires(F& function) {
  { function.close() } -> std::same_as<void>;
};
template <class F, class K, class R>
concept TakesTimers = requires(F& function, EventTime time, KeyedContext<K>& context, Collector<R>& out) {
  { function.on_timer(time, context, out) } -> std::same_as<void>;
};

/// F wants to be opened: on a keyed stream it may have states.
template <class F>
inline constexpr bool kHasOpen = OpensWith<F, RuntimeContext> || has_function<F, OpenMember>();

/// What every function needs, on a stream whose functions get a Context: copies for all subtasks, and an open() and a
/// close() that can be called, if it has any.
template <class F, class Context>
struct CheckLifeCycle {
  static constexpr bool kCopies = std::is_copy_constructible_v<F>;
  static_assert(kCopies,
                "weir: this function cannot be copied, and every subtask gets a copy of it; hold what cannot be copied "
                "in a std::shared_ptr, or make it in open()");
  static constexpr bool kOpens = OpensWith<F, Context> || !has_function<F, OpenMember>();
  static_assert(kOpens || kIsKeyedContext<Context>,
                "weir: open() of this function can never be called; declare it public, as void "
                "open(weir::RuntimeContext&): a stream without key has no weir::KeyedContext");
  static_assert(kOpens || !kIsKeyedContext<Context>,
                "weir: open() of this function can never be called; declare it public, as void "
                "open(weir::RuntimeContext&) or void open(weir::KeyedContext<K>&), where K is the type of the stream's "
                "key");
  static constexpr bool kCloses = Closes<F> || !has_function<F, CloseMember>();
  static_assert(kCloses,
                "weir: close() of this function can never be called; declare it public, as void close() without "
                "parameters");
  static constexpr bool kSpelled = !has_function<F, FlinkOnTimerMember>();
  static_assert(kSpelled, "weir: onTimer() of this function is never called; its name is on_timer");
  static constexpr bool kGood = kCopies && kOpens && kCloses && kSpelled;
};

/// The same for a function that gets no timers.
template <class F, class Context>
struct CheckWithoutTimers {
  static constexpr bool kNoTimer = !has_function<F, OnTimerMember>();
  static_assert(kNoTimer,
                "weir: on_timer() of this function is never called; only the object given to process() on a keyed "
                "stream gets timers");
  static constexpr bool kGood = CheckLifeCycle<F, Context>::kGood && kNoTimer;
};

/// The same for a function of process() on a stream of key K that collects R.
template <class F, class K, class R>
struct CheckWithTimers {
  static constexpr bool kTimers = TakesTimers<F, K, R> || !has_function<F, OnTimerMember>();
  static_assert(kTimers,
                "weir: on_timer() of this function can never be called; declare it public, as void "
                "on_timer(weir::EventTime, weir::KeyedContext<K>&, weir::Collector<Out>&), where K is the type of the "
                "stream's key and Out what process() collects");
  static constexpr bool kGood = CheckLifeCycle<F, KeyedContext<K>>::kGood && kTimers;
};

/// For functions that the engine only calls: key selectors and partitioners.
template <class F>
struct CheckNeverOpened {
  static constexpr bool kCopies = std::is_copy_constructible_v<F>;
  static_assert(
      kCopies,
      "weir: this key selector or partitioner cannot be copied, and every subtask gets a copy of it; hold what "
      "cannot be copied in a std::shared_ptr");
  static constexpr bool kNoLife = !has_function<F, OpenMember>() && !has_function<F, CloseMember>();
  static_assert(kNoLife,
                "weir: a key selector or partitioner is never opened or closed; compute the key from the record alone, "
                "and remove its open() and close()");
  static constexpr bool kGood = kCopies && kNoLife;
};

}  // namespace weir::detail
