// ConnectedStreams: two streams of different types into one operator, which has a function for the records of each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/datastream.h"
#include "weir/detail/co_operators.h"

namespace weir {

// What connected streams take is one object with two members, or two functions, each of which may also be an object
// with a member map, flat_map or process:
//
//     map       R map1(const A&), R map2(const B&)
//     flat_map  void flat_map1(const A&, Collector<R>&), void flat_map2(const B&, Collector<R>&)
//     process   void process1(const A&, RuntimeContext&, Collector<R>&), void process2(const B&, RuntimeContext&,
//     Collector<R>&)
//               on keyed streams KeyedContext<K>& instead of RuntimeContext&, and for timers
//               void on_timer(EventTime, KeyedContext<K>&, Collector<R>&)
//
// Functions of map and flat_map may take the context behind the record. State that open() asks for belongs to the key,
// whichever stream its records come by. Records of the two streams come in no order that can be relied upon; the
// watermark is the lesser of theirs, and a stream that has ended holds it back no more.

namespace detail {

/// What map1, or the first of two functions, makes; Deduced when it cannot be called.
template <class F, class T, class Context>
constexpr auto co_mapped_type() {
  if constexpr (requires(F & f, const T& record) { f.map1(record); }) {
    return std::type_identity<std::remove_cvref_t<decltype(std::declval<F&>().map1(std::declval<const T&>()))>>{};
  } else if constexpr (requires(F & f, const T& record, Context& context) { f.map1(record, context); }) {
    return std::type_identity<
        std::remove_cvref_t<decltype(std::declval<F&>().map1(std::declval<const T&>(), std::declval<Context&>()))>>{};
  } else {
    return std::type_identity<Deduced>{};
  }
}
template <class F, class T, class Context>
constexpr auto co_mapped_type2() {
  if constexpr (requires(F & f, const T& record) { f.map2(record); }) {
    return std::type_identity<std::remove_cvref_t<decltype(std::declval<F&>().map2(std::declval<const T&>()))>>{};
  } else if constexpr (requires(F & f, const T& record, Context& context) { f.map2(record, context); }) {
    return std::type_identity<
        std::remove_cvref_t<decltype(std::declval<F&>().map2(std::declval<const T&>(), std::declval<Context&>()))>>{};
  } else {
    return std::type_identity<Deduced>{};
  }
}

/// What the first function collects, seen by its last parameter.
template <class F>
struct CoCollected {
  static constexpr auto type() {
    if constexpr (requires { &F::process1; }) {
      return std::type_identity<typename CollectedBy<decltype(&F::process1)>::Type>{};
    } else if constexpr (requires { &F::flat_map1; }) {
      return std::type_identity<typename CollectedBy<decltype(&F::flat_map1)>::Type>{};
    } else {
      return std::type_identity<Deduced>{};
    }
  }
};

/// One of two functions: how it is called with a record of T, by its call operator or by the member named after the
/// operation. `Out` is a collector, or nothing.
template <template <class> class ByName, class F, class T, class Context, class... Out>
struct CoFunction {
  template <class G>
  static constexpr bool kTakes =
      std::is_invocable_v<G&, const T&, Out&...> || std::is_invocable_v<G&, const T&, Context&, Out&...>;
  static constexpr bool kByMember = kTakes<ByName<F>>;
  static_assert(!kByMember || !kTakes<F>,
                "weir: connected streams could call operator() or the member named after the operation of this "
                "function; keep one of them");
  using Type = std::conditional_t<kByMember, ByName<F>, F>;
  static Type function(F f) {
    if constexpr (kByMember) {
      return {{std::move(f)}};
    } else {
      return f;
    }
  }
};
template <class Given, class F>
using CoOutputType =
    std::conditional_t<std::is_same_v<Given, Deduced>, typename decltype(CoCollected<F>::type())::type, Given>;

// As in weir/function.h: one mistake is one line. Each check is asked only when those before it hold.
template <class F, class A, class B, class Context>
struct CheckCoMap {
  using R = typename decltype(co_mapped_type<F, A, Context>())::type;
  using R2 = typename decltype(co_mapped_type2<F, B, Context>())::type;
  static constexpr bool kFirst = !std::is_same_v<R, Deduced>;
  static constexpr bool kSecond = !std::is_same_v<R2, Deduced>;
  static constexpr bool kMakes = !std::is_void_v<R> && !std::is_void_v<R2>;
  static_assert(kFirst,
                "weir: map() on connected streams needs map1(const A&), or a first function, that takes a record of "
                "the first stream");
  static_assert(!kFirst || kSecond,
                "weir: map() on connected streams needs map2(const B&), or a second function, that takes a record of "
                "the second stream");
  static_assert(
      !kFirst || !kSecond || kMakes,
      "weir: a function given to map() on connected streams returns nothing; return the new record, or use flat_map()");
  static_assert(!kFirst || !kSecond || !kMakes || std::is_same_v<R, R2>,
                "weir: the two functions given to map() on connected streams return different types; both must return "
                "the same record");
  static constexpr bool kCallable = kFirst && kSecond && kMakes && std::is_same_v<R, R2>;
};
template <class F, class A, class B, class Context, class R>
struct CheckCoFlatMap {
  static constexpr bool kDeduced = !std::is_same_v<R, Deduced>;
  static_assert(kDeduced,
                "weir: flat_map() on connected streams cannot see what its functions collect; write "
                "flat_map<Out>(...), or take weir::Collector<Out>& as the last parameter of flat_map1 and flat_map2");
  template <class Out>
  static constexpr bool takes_first() {
    return requires(F & f, const A& record, Collector<Out>& out) { f.flat_map1(record, out); }
    || requires(F & f, const A& record, Context& context, Collector<Out>& out) { f.flat_map1(record, context, out); };
  }
  template <class Out>
  static constexpr bool takes_second() {
    return requires(F & f, const B& record, Collector<Out>& out) { f.flat_map2(record, out); }
    || requires(F & f, const B& record, Context& context, Collector<Out>& out) { f.flat_map2(record, context, out); };
  }
  static constexpr bool first() {
    if constexpr (kDeduced) {
      return takes_first<R>();
    } else {
      return false;
    }
  }
  static constexpr bool second() {
    if constexpr (kDeduced) {
      return takes_second<R>();
    } else {
      return false;
    }
  }
  static_assert(!kDeduced || first(),
                "weir: flat_map() on connected streams needs flat_map1(const A&, weir::Collector<Out>&), or a first "
                "function, that takes a record of the first stream");
  static_assert(!kDeduced || !first() || second(),
                "weir: flat_map() on connected streams needs flat_map2(const B&, weir::Collector<Out>&), or a second "
                "function, that takes a record of the second stream and the same collector");
  static constexpr bool kCallable = kDeduced && first() && second();
};
template <class F, class A, class B, class Context, class R>
struct CheckCoProcess {
  static constexpr bool kDeduced = !std::is_same_v<R, Deduced>;
  static_assert(kDeduced,
                "weir: process() on connected streams cannot see what its functions collect; write process<Out>(...), "
                "or take weir::Collector<Out>& as the last parameter of process1 and process2");
  static constexpr bool first() {
    if constexpr (kDeduced) {
      return requires(F & f, const A& record, Context& context, Collector<R>& out) {
        f.process1(record, context, out);
      };
    } else {
      return false;
    }
  }
  static constexpr bool second() {
    if constexpr (kDeduced) {
      return requires(F & f, const B& record, Context& context, Collector<R>& out) {
        f.process2(record, context, out);
      };
    } else {
      return false;
    }
  }
  static_assert(!kDeduced || first(),
                "weir: process() on connected streams needs process1(const A&, context&, weir::Collector<Out>&), or a "
                "first function, for records of the first stream; the context is weir::RuntimeContext, on keyed "
                "streams weir::KeyedContext<K>");
  static_assert(!kDeduced || !first() || second(),
                "weir: process() on connected streams needs process2(const B&, context&, weir::Collector<Out>&), or a "
                "second function, for records of the second stream; the context is weir::RuntimeContext, on keyed "
                "streams weir::KeyedContext<K>");
  static constexpr bool kCallable = kDeduced && first() && second();
};

/// The life cycle of an object given to process(); without its output nothing can be said of its timers.
template <class F, class Context, class R>
struct CheckCoLifeCycle : CheckWithoutTimers<F, Context> {};
template <class F, class K, class R>
struct CheckCoLifeCycle<F, KeyedContext<K>, R> : CheckWithTimers<F, K, R> {};
template <class F, class K>
struct CheckCoLifeCycle<F, KeyedContext<K>, Deduced> : CheckLifeCycle<F, KeyedContext<K>> {};
/// The life cycle of one of two functions given to process().
template <class F, class Context>
struct CheckOneOfTwo {
  static constexpr bool kNoTimer = !has_function<F, OnTimerMember>();
  static_assert(kNoTimer,
                "weir: on_timer() of one of two functions is never called; give process() on connected streams one "
                "object with process1, process2 and on_timer");
  static constexpr bool kGood = CheckLifeCycle<F, Context>::kGood && kNoTimer;
};

/// The edges of both streams into one operator.
inline std::vector<EdgeNode> both_inputs(std::vector<EdgeNode> first, const std::vector<EdgeNode>& second) {
  for (const EdgeNode& edge : second) {
    first.push_back(edge);
    first.back().input = 1;
  }
  return first;
}

/// The calls on connected streams, keyed or not. `Self` makes the operator: add<Call, R>(function).
template <class Self, class A, class B, class Context>
class ConnectedCalls {
 public:
  /// One record for each of either stream.
  template <class F>
  auto map(F function) const {
    if constexpr (CheckWithoutTimers<F, Context>::kGood) {
      return map_by(std::move(function));
    } else {
      return BrokenStream();
    }
  }
  template <class F, class G>
  auto map(F first, G second) const {
    using First = CoFunction<MapByMember, F, A, Context>;
    using Second = CoFunction<MapByMember, G, B, Context>;
    if constexpr (CheckWithoutTimers<F, Context>::kGood && CheckWithoutTimers<G, Context>::kGood) {
      return map_by(TwoFunctions<typename First::Type, typename Second::Type>{First::function(std::move(first)),
                                                                              Second::function(std::move(second))});
    } else {
      return BrokenStream();
    }
  }

  /// Any number of records for each of either stream.
  template <class Out = Deduced, class F>
  auto flat_map(F function) const {
    if constexpr (CheckWithoutTimers<F, Context>::kGood) {
      return flat_map_by<CoOutputType<Out, F>>(std::move(function));
    } else {
      return BrokenStream();
    }
  }
  template <class Out = Deduced, class F, class G>
  auto flat_map(F first, G second) const {
    using R = GivenOr<Out, GivenOr<CollectedByCall<F>, typename decltype(collected_by_flat_map<F>())::type>>;
    using First = CoFunction<FlatMapByMember, F, A, Context, Collector<R>>;
    using Second = CoFunction<FlatMapByMember, G, B, Context, Collector<R>>;
    if constexpr (CheckWithoutTimers<F, Context>::kGood && CheckWithoutTimers<G, Context>::kGood) {
      return flat_map_by<R>(TwoFunctions<typename First::Type, typename Second::Type>{
          First::function(std::move(first)), Second::function(std::move(second))});
    } else {
      return BrokenStream();
    }
  }

  /// The same with times, metrics and side outputs; on keyed streams with state and timers of the key.
  template <class Out = Deduced, class F>
  auto process(F function) const {
    using R = CoOutputType<Out, F>;
    if constexpr (CheckCoLifeCycle<F, Context, R>::kGood) {
      return process_by<R>(std::move(function));
    } else {
      return BrokenStream();
    }
  }
  template <class Out = Deduced, class F, class G>
  auto process(F first, G second) const {
    using R = GivenOr<Out, GivenOr<CollectedByCall<F>, typename decltype(collected_by_process<F>())::type>>;
    using First = CoFunction<ProcessByMember, F, A, Context, Collector<R>>;
    using Second = CoFunction<ProcessByMember, G, B, Context, Collector<R>>;
    if constexpr (CheckOneOfTwo<F, Context>::kGood && CheckOneOfTwo<G, Context>::kGood) {
      return process_by<R>(TwoFunctions<typename First::Type, typename Second::Type>{
          First::function(std::move(first)), Second::function(std::move(second))});
    } else {
      return BrokenStream();
    }
  }

 protected:
  static constexpr bool kFits = CheckType<A>::kFits && CheckType<B>::kFits;

 private:
  template <class F>
  auto map_by(F function) const {
    if constexpr (kFits && CheckCoMap<F, A, B, Context>::kCallable) {
      using R = typename CheckCoMap<F, A, B, Context>::R;
      if constexpr (CheckType<R>::kFits) {
        return self().template add<CoMapCall, R>(std::move(function));
      } else {
        return BrokenStream();
      }
    } else {
      return BrokenStream();
    }
  }
  template <class R, class F>
  auto flat_map_by(F function) const {
    if constexpr (kFits && CheckCoFlatMap<F, A, B, Context, R>::kCallable && fits_or_unknown<R>()) {
      return self().template add<CoFlatMapCall, R>(std::move(function));
    } else {
      return BrokenStream();
    }
  }
  template <class R, class F>
  auto process_by(F function) const {
    if constexpr (kFits && CheckCoProcess<F, A, B, Context, R>::kCallable && fits_or_unknown<R>()) {
      return self().template add<CoProcessCall, R>(std::move(function));
    } else {
      return BrokenStream();
    }
  }
  const Self& self() const { return static_cast<const Self&>(*this); }
};

}  // namespace detail

/// Two streams with a key each, of one type: records of one key, of either stream, meet in one subtask and share its
/// state. Made by `a.key_by(...).connect(b.key_by(...))` or `a.connect(b).key_by(..., ...)`. Lives on: as DataStream.
template <class A, class B, class K, class SelectorA, class SelectorB>
class KeyedConnectedStreams
    : public detail::ConnectedCalls<KeyedConnectedStreams<A, B, K, SelectorA, SelectorB>, A, B, KeyedContext<K>> {
 public:
  using Key = K;
  KeyedConnectedStreams(StreamGraph& graph, std::vector<EdgeNode> upstream, SelectorA selector_a, SelectorB selector_b)
      : graph_(&graph),
        upstream_(std::move(upstream)),
        selector_a_(std::move(selector_a)),
        selector_b_(std::move(selector_b)) {}

 private:
  friend class detail::ConnectedCalls<KeyedConnectedStreams, A, B, KeyedContext<K>>;
  template <class Call, class R, class F>
  SingleOutput<R> add(F function) const {
    auto tags = std::make_shared<detail::SideTags>();
    OperatorNode& node =
        detail::add_operator(*graph_, OperatorRole::transform, Call::kKeyedKind, Call::kKeyedKind, upstream_);
    node.stateful = true;
    node.outputs.push_back(detail::output_node<R>());
    node.make_operator = [function = std::move(function), a = selector_a_, b = selector_b_, tags] {
      return std::make_unique<detail::KeyedCoOperator<Call, A, B, K, R, SelectorA, SelectorB, F>>(function, a, b, tags);
    };
    return SingleOutput<R>(*graph_, node.id, std::move(tags));
  }

  StreamGraph* graph_;
  std::vector<EdgeNode> upstream_;
  SelectorA selector_a_;
  SelectorB selector_b_;
};

/// Two streams that go into one operator together. Made by DataStream::connect. Lives on: as DataStream.
template <class A, class B>
class ConnectedStreams : public detail::ConnectedCalls<ConnectedStreams<A, B>, A, B, RuntimeContext> {
 public:
  ConnectedStreams(DataStream<A> first, DataStream<B> second) : first_(std::move(first)), second_(std::move(second)) {}

  /// Both by key, as DataStream::key_by; the keys must be of one type.
  template <class F, class G>
  auto key_by(F first, G second) const {
    if constexpr (this->kFits && detail::CheckKey<A, F>::kFits && detail::CheckKey<B, G>::kFits) {
      return first_.key_by(std::move(first)).connect(second_.key_by(std::move(second)));
    } else {
      return detail::BrokenStream();
    }
  }

 private:
  friend class detail::ConnectedCalls<ConnectedStreams, A, B, RuntimeContext>;
  template <class Call, class R, class F>
  SingleOutput<R> add(F function) const {
    auto tags = std::make_shared<detail::SideTags>();
    OperatorNode& node = detail::add_operator(first_.graph(), OperatorRole::transform, Call::kKind, Call::kKind,
                                              detail::both_inputs(first_.upstream(), second_.upstream()));
    node.outputs.push_back(detail::output_node<R>());
    node.make_operator = [function = std::move(function), tags] {
      return std::make_unique<detail::CoOperator<Call, A, B, R, F>>(function, tags);
    };
    return SingleOutput<R>(first_.graph(), node.id, std::move(tags));
  }

  DataStream<A> first_;
  DataStream<B> second_;
};

template <class T>
template <class B>
ConnectedStreams<T, B> DataStream<T>::connect(const DataStream<B>& other) const {
  if (&other.graph() != graph_) detail::throw_other_environment("connect");
  return ConnectedStreams<T, B>(*this, other);
}

namespace detail {

template <class KeyA, class KeyB>
struct CheckSameKey {
  static constexpr bool kSame = std::is_same_v<KeyView<KeyA>, KeyView<KeyB>>;
  static_assert(
      kSame,
      "weir: connect() on keyed streams needs keys of one type on both; let both key_by() calls return the same type");
  /// A text key by whatever name.
  using Key = std::conditional_t<std::is_same_v<KeyA, KeyB>, KeyA, std::string>;
};

}  // namespace detail

template <class T, class K, class Selector>
template <class B, class KeyB, class SelectorB>
auto KeyedStream<T, K, Selector>::connect(const KeyedStream<B, KeyB, SelectorB>& other) const {
  if constexpr (detail::CheckSameKey<K, KeyB>::kSame) {
    using Shared = typename detail::CheckSameKey<K, KeyB>::Key;
    if (&other.graph() != &this->graph()) detail::throw_other_environment("connect");
    return KeyedConnectedStreams<T, B, Shared, Selector, SelectorB>(
        this->graph(), detail::both_inputs(this->upstream(), other.upstream()), selector_, other.selector_);
  } else {
    return detail::BrokenStream();
  }
}

}  // namespace weir
