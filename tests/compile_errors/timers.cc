// Members on_timer that could never be called.
// expected OF_ANOTHER_TIME: weir: on_timer() of this function can never be called
// expected OF_ANOTHER_KEY: weir: on_timer() of this function can never be called
// expected OF_ANOTHER_OUTPUT: weir: on_timer() of this function can never be called
// expected WITHOUT_COLLECTOR: weir: on_timer() of this function can never be called
// expected PRIVATE: weir: on_timer() of this function can never be called
// expected THAT_RETURNS: weir: on_timer() of this function can never be called
// expected FLINK_NAME: weir: onTimer() of this function is never called; its name is on_timer
// expected IN_CO_PROCESS: weir: on_timer() of this function can never be called
// expected IN_MAP: weir: on_timer() of this function is never called; only the object given to process()
// expected IN_KEYED_MAP: weir: on_timer() of this function is never called; only the object given to process()
// expected IN_REDUCE: weir: on_timer() of this function is never called; only the object given to process()
// expected WITHOUT_KEY: weir: on_timer() of this function is never called; only the object given to process()
// expected IN_CO_PROCESS_WITHOUT_KEY: weir: on_timer() of this function is never called
// expected IN_TWO_FUNCTIONS: weir: on_timer() of one of two functions is never called
#include <weir/connected_streams.h>
#include <weir/environment.h>

using Number = std::int64_t;
using Numbers = weir::Collector<Number>;
using Context = weir::KeyedContext<Number>;

template <class Timer>
struct All : Timer {
  void open(weir::RuntimeContext&) {}
  Number map(Number n) { return n; }
  void process(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
  Number reduce(Number a, Number b) { return a + b; }
  void process1(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
  void process2(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
};

struct Good {
  void on_timer(weir::EventTime, Context&, Numbers&) {}
};
struct GoodForAny {
  template <class AnyContext>
  void on_timer(weir::EventTime, AnyContext&, Numbers&) const {}
};
struct Wrong {
#if defined(OF_ANOTHER_KEY)
  void on_timer(weir::EventTime, weir::KeyedContext<std::string>&, Numbers&) {}
#elif defined(OF_ANOTHER_OUTPUT)
  void on_timer(weir::EventTime, Context&, weir::Collector<std::string>&) {}
#elif defined(WITHOUT_COLLECTOR)
  void on_timer(weir::EventTime, Context&) {}
#elif defined(PRIVATE)
 private:
  void on_timer(weir::EventTime, Context&, Numbers&) {}
#elif defined(THAT_RETURNS)
  bool on_timer(weir::EventTime, Context&, Numbers&) { return true; }
#elif defined(FLINK_NAME)
  void onTimer(weir::EventTime, Context&, Numbers&) {}
#else
  void on_timer(std::int64_t, Context&, Numbers&) {}
#endif
};

auto build(weir::DataStream<Number> numbers) {
  auto keyed = numbers.key_by([](Number n) { return n; });
#if defined(RIGHT)
  keyed.process(All<GoodForAny>{});
  keyed.connect(keyed).process(All<Good>{});
  return keyed.process(All<Good>{});
#elif defined(IN_CO_PROCESS)
  return keyed.connect(keyed).process(All<Wrong>{});
#elif defined(IN_MAP)
  return numbers.map(All<Good>{});
#elif defined(IN_KEYED_MAP)
  return keyed.map(All<Good>{});
#elif defined(IN_REDUCE)
  return keyed.reduce(All<Good>{});
#elif defined(WITHOUT_KEY)
  return numbers.process(All<Good>{});
#elif defined(IN_CO_PROCESS_WITHOUT_KEY)
  return numbers.connect(numbers).process(All<Good>{});
#elif defined(IN_TWO_FUNCTIONS)
  return keyed.connect(keyed).process(All<Good>{}, All<Good>{});
#else
  return keyed.process(All<Wrong>{});
#endif
}
