// Operators with two inputs: the user's two functions, one for the records of each stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "weir/detail/keyed_operators.h"
#include "weir/detail/operators.h"
#include "weir/function.h"

namespace weir::detail {

/// Two functions given one by one, as the object that the operators take. Each is opened and closed if it wants to be.
template <class First, class Second>
struct TwoFunctions {
  First first;
  Second second;

  template <class... A>
  auto map1(A&&... a) -> std::invoke_result_t<First&, A...> {
    return std::invoke(first, std::forward<A>(a)...);
  }
  template <class... A>
  auto map2(A&&... a) -> std::invoke_result_t<Second&, A...> {
    return std::invoke(second, std::forward<A>(a)...);
  }
  template <class... A>
  auto flat_map1(A&&... a) -> std::invoke_result_t<First&, A...> {
    return std::invoke(first, std::forward<A>(a)...);
  }
  template <class... A>
  auto flat_map2(A&&... a) -> std::invoke_result_t<Second&, A...> {
    return std::invoke(second, std::forward<A>(a)...);
  }
  template <class... A>
  auto process1(A&&... a) -> std::invoke_result_t<First&, A...> {
    return std::invoke(first, std::forward<A>(a)...);
  }
  template <class... A>
  auto process2(A&&... a) -> std::invoke_result_t<Second&, A...> {
    return std::invoke(second, std::forward<A>(a)...);
  }

  template <class Context>
  void open(Context& context) {
    open_function(first, context);
    open_function(second, context);
  }
  void close() {
    struct CloseSecond {  // also when the first one throws
      Second& function;
      ~CloseSecond() noexcept(false) { close_function(function); }
    } close_second{second};
    close_function(first);
  }
};

// How each kind of function is called with a record of the first and of the second stream.

struct CoMapCall {
  static constexpr const char* kKind = "Co-Map";
  static constexpr const char* kKeyedKind = "Co-Map";
  template <class F, class T, class Context, class R>
  static void first(F& f, const T& record, Context& context, Collector<R>& out) {
    if constexpr (requires { f.map1(record); }) {
      out.collect(f.map1(record));
    } else {
      out.collect(f.map1(record, context));
    }
  }
  template <class F, class T, class Context, class R>
  static void second(F& f, const T& record, Context& context, Collector<R>& out) {
    if constexpr (requires { f.map2(record); }) {
      out.collect(f.map2(record));
    } else {
      out.collect(f.map2(record, context));
    }
  }
};

struct CoFlatMapCall {
  static constexpr const char* kKind = "Co-Flat Map";
  static constexpr const char* kKeyedKind = "Co-Flat Map";
  template <class F, class T, class Context, class R>
  static void first(F& f, const T& record, Context& context, Collector<R>& out) {
    if constexpr (requires { f.flat_map1(record, out); }) {
      f.flat_map1(record, out);
    } else {
      f.flat_map1(record, context, out);
    }
  }
  template <class F, class T, class Context, class R>
  static void second(F& f, const T& record, Context& context, Collector<R>& out) {
    if constexpr (requires { f.flat_map2(record, out); }) {
      f.flat_map2(record, out);
    } else {
      f.flat_map2(record, context, out);
    }
  }
};

struct CoProcessCall {
  static constexpr const char* kKind = "Co-Process";
  static constexpr const char* kKeyedKind = "Co-Keyed-Process";
  template <class F, class T, class Context, class R>
  static void first(F& f, const T& record, Context& context, Collector<R>& out) {
    f.process1(record, context, out);
  }
  template <class F, class T, class Context, class R>
  static void second(F& f, const T& record, Context& context, Collector<R>& out) {
    f.process2(record, context, out);
  }
};

/// Lives on: the slot's thread. Which input gives next is not known: nothing may depend on it.
template <class Call, class A, class B, class R, class F>
class CoOperator final : public CollectingOperator<F, R> {
 public:
  using CollectingOperator<F, R>::CollectingOperator;
  void process(std::uint32_t input, Batch& batch, Output& output) override {
    if (input == 0) {
      this->run(
          first_, batch, output, [&](const A& record) __attribute__((always_inline)) {
            Call::first(this->function_, record, this->context_, *this->collector_);
          });
    } else {
      this->run(
          second_, batch, output, [&](const B& record) __attribute__((always_inline)) {
            Call::second(this->function_, record, this->context_, *this->collector_);
          });
    }
  }

 private:
  RowReader<A> first_;
  RowReader<B> second_;
};

/// The same by key: both functions see one state and the same timers of a key.
template <class Call, class A, class B, class K, class R, class SelectorA, class SelectorB, class F>
class KeyedCoOperator final : public KeyedFunctionOperator<K, R, F> {
 public:
  KeyedCoOperator(F function, SelectorA selector_a, SelectorB selector_b, std::shared_ptr<const SideTags> tags)
      : KeyedFunctionOperator<K, R, F>(std::move(function), std::move(tags)),
        selector_a_(std::move(selector_a)),
        selector_b_(std::move(selector_b)) {}

  void process(std::uint32_t input, Batch& batch, Output& output) override {
    if (input == 0) {
      this->run(
          first_, selector_a_, batch, output, [&](const A& record) __attribute__((always_inline)) {
            Call::first(this->function_, record, this->context_, *this->collector_);
          });
    } else {
      this->run(
          second_, selector_b_, batch, output, [&](const B& record) __attribute__((always_inline)) {
            Call::second(this->function_, record, this->context_, *this->collector_);
          });
    }
  }

 private:
  SelectorA selector_a_;
  SelectorB selector_b_;
  RowReader<A> first_;
  RowReader<B> second_;
};

}  // namespace weir::detail
