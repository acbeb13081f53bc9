// Members open and close that could never be called, of each kind of function.
// expected OPEN_WITHOUT_PARAMETER: weir: open() of this function can never be called
// expected OPEN_PRIVATE: weir: open() of this function can never be called
// expected OPEN_OF_ANOTHER_TYPE: weir: open() of this function can never be called
// expected OPEN_THAT_RETURNS: weir: open() of this function can never be called
// expected OPEN_OF_AN_RVALUE: weir: open() of this function can never be called
// expected OPEN_BY_VALUE: weir: open() of this function can never be called
// expected CLOSE_WITH_PARAMETER: weir: close() of this function can never be called
// expected CLOSE_THAT_RETURNS: weir: close() of this function can never be called
// expected IN_FILTER: weir: open() of this function can never be called
// expected IN_FLAT_MAP: weir: open() of this function can never be called
// expected IN_PROCESS: weir: open() of this function can never be called
// expected IN_KEYED_MAP: weir: open() of this function can never be called
// expected IN_KEYED_FILTER: weir: open() of this function can never be called
// expected IN_KEYED_FLAT_MAP: weir: open() of this function can never be called
// expected IN_KEYED_PROCESS: weir: open() of this function can never be called
// expected IN_REDUCE: weir: open() of this function can never be called
// expected IN_CO_MAP: weir: open() of this function can never be called
// expected IN_CO_FLAT_MAP: weir: open() of this function can never be called
// expected IN_CO_PROCESS: weir: open() of this function can never be called
// expected IN_TWO_FUNCTIONS: weir: open() of this function can never be called
// expected KEYED_OPEN_WITHOUT_KEY: weir: open() of this function can never be called; declare it public, as void
// open(weir::RuntimeContext&): a stream without key expected KEYED_OPEN_OF_ANOTHER_KEY: weir: open() of this function
// can never be called expected IN_KEY_SELECTOR: weir: a key selector or partitioner is never opened or closed expected
// IN_PARTITIONER: weir: a key selector or partitioner is never opened or closed
#include <weir/connected_streams.h>
#include <weir/environment.h>

using Number = std::int64_t;
using Numbers = weir::Collector<Number>;

// What every function object here can do; `Life` is its open() and close().
template <class Life>
struct All : Life {
  Number map(Number n) { return n; }
  bool filter(Number n) { return n > 0; }
  void flat_map(Number n, Numbers& out) { out.collect(n); }
  void process(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
  Number reduce(Number a, Number b) { return a + b; }
  Number map1(Number n) { return n; }
  Number map2(Number n) { return n; }
  void flat_map1(Number n, Numbers& out) { out.collect(n); }
  void flat_map2(Number n, Numbers& out) { out.collect(n); }
  void process1(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
  void process2(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
};

struct Good {
  void open(weir::RuntimeContext&) {}
  void close() {}
};
struct GoodByKey {
  void open(weir::KeyedContext<Number>&) {}
};
// Data and types may have these names.
struct Candle {
  double open = 0, close = 0;
};
struct Door {
  enum State { open, close };
};

struct Wrong {
#if defined(OPEN_PRIVATE)
 private:
  void open(weir::RuntimeContext&) {}
#elif defined(OPEN_OF_ANOTHER_TYPE)
  void open(int) {}
#elif defined(OPEN_THAT_RETURNS)
  bool open(weir::RuntimeContext&) { return true; }
#elif defined(OPEN_OF_AN_RVALUE)
  void open(weir::RuntimeContext&) && {}
#elif defined(OPEN_BY_VALUE)
  void open(weir::RuntimeContext) {}
#elif defined(CLOSE_WITH_PARAMETER)
  void close(weir::RuntimeContext&) {}
#elif defined(CLOSE_THAT_RETURNS)
  bool close() { return true; }
#else
  void open() {}
#endif
};
struct WrongByKey {
  void open(weir::KeyedContext<std::string>&) {}
};
struct Parity : Wrong {
  Number operator()(Number n) const { return n % 2; }
};
struct Spread : Wrong {
  int operator()(Number n, int subtasks) const { return static_cast<int>(n % subtasks); }
};

auto build(weir::DataStream<Number> numbers) {
  auto keyed = numbers.key_by([](Number n) { return n; });
#if defined(RIGHT)
  numbers.map(All<Candle>{}).map(All<Door>{});
  numbers.connect(numbers).map(All<Good>{});
  numbers.connect(numbers).flat_map(All<Good>{});
  numbers.connect(numbers).process(All<Good>{});
  numbers.connect(numbers).map(All<Good>{}, All<Good>{});
  numbers.connect(numbers).flat_map(All<Good>{}, All<Good>{});
  numbers.connect(numbers).process(All<Good>{}, All<Good>{});
  keyed.connect(keyed).process(All<GoodByKey>{});
  keyed.map(All<Good>{}).key_by([](Number n) { return n; }).map(All<GoodByKey>{});
  keyed.filter(All<GoodByKey>{}).key_by([](Number n) { return n; }).flat_map(All<GoodByKey>{});
  keyed.reduce(All<Good>{}).key_by([](Number n) { return n; }).process(All<GoodByKey>{});
  return numbers.map(All<Good>{}).filter(All<Good>{}).flat_map(All<Good>{}).process(All<Good>{});
#elif defined(IN_FILTER)
  return numbers.filter(All<Wrong>{});
#elif defined(IN_FLAT_MAP)
  return numbers.flat_map(All<Wrong>{});
#elif defined(IN_PROCESS)
  return numbers.process(All<Wrong>{});
#elif defined(IN_KEYED_MAP)
  return keyed.map(All<Wrong>{});
#elif defined(IN_KEYED_FILTER)
  return keyed.filter(All<Wrong>{});
#elif defined(IN_KEYED_FLAT_MAP)
  return keyed.flat_map(All<Wrong>{});
#elif defined(IN_KEYED_PROCESS)
  return keyed.process(All<Wrong>{});
#elif defined(IN_REDUCE)
  return keyed.reduce(All<Wrong>{});
#elif defined(IN_CO_MAP)
  return numbers.connect(numbers).map(All<Wrong>{});
#elif defined(IN_CO_FLAT_MAP)
  return numbers.connect(numbers).flat_map(All<Wrong>{});
#elif defined(IN_CO_PROCESS)
  return keyed.connect(keyed).process(All<Wrong>{});
#elif defined(IN_TWO_FUNCTIONS)
  return numbers.connect(numbers).map(All<Good>{}, All<Wrong>{});
#elif defined(KEYED_OPEN_WITHOUT_KEY)
  return numbers.map(All<GoodByKey>{});
#elif defined(KEYED_OPEN_OF_ANOTHER_KEY)
  return keyed.process(All<WrongByKey>{});
#elif defined(IN_KEY_SELECTOR)
  return numbers.key_by(Parity{});
#elif defined(IN_PARTITIONER)
  return numbers.partition_custom(Spread{}, [](Number n) { return n; });
#else
  return numbers.map(All<Wrong>{});
#endif
}
