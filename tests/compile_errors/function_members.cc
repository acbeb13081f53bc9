// Function objects by call operator and by the member named after the operation; and ones that cannot be copied.
// expected MAP_BY_BOTH: weir: map() could call operator() or the member map()
// expected FILTER_BY_BOTH: weir: filter() could call operator() or the member filter()
// expected FLAT_MAP_BY_BOTH: weir: flat_map() could call operator() or the member flat_map()
// expected PROCESS_BY_BOTH: weir: process() could call operator() or the member process()
// expected REDUCE_BY_BOTH: weir: reduce() could call operator() or the member reduce()
// expected MAP_PRIVATE: weir: the function given to map() cannot be called with a record of this stream
// expected FLAT_MAP_OF_ANOTHER_RECORD: weir: the function given to flat_map() cannot be called with a record of this
// stream expected FLAT_MAP_UNSEEN: weir: flat_map() cannot see what its function collects expected MAP_OF_NOTHING:
// weir: the function given to map() returns nothing expected MOVE_ONLY_MAP: weir: this function cannot be copied
// expected MOVE_ONLY_PROCESS: weir: this function cannot be copied
// expected MOVE_ONLY_MEMBER: weir: this function cannot be copied
// expected MOVE_ONLY_KEY: weir: this key selector or partitioner cannot be copied
// expected MOVE_ONLY_CO_MAP: weir: this function cannot be copied
#include <weir/connected_streams.h>
#include <weir/environment.h>

#include <memory>

using Number = std::int64_t;
using Numbers = weir::Collector<Number>;

struct ByMember {
  Number map(Number n) { return n; }
  bool filter(Number n) const { return n > 0; }
  void flat_map(Number n, Numbers& out) { out.collect(n); }
  void process(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
  Number reduce(Number a, Number b) { return a + b; }
};
// Members of these names that could not be called are no alternative to the call operator.
class Lookup {
 public:
  Number operator()(Number n) const { return n; }

 private:
  std::map<Number, Number> map;
  Number filter = 0;
};
template <class F>
struct ByBoth : ByMember, F {
  explicit ByBoth(F f) : F(f) {}
};
class Private {
  Number map(Number n) { return n; }
};
struct FlatMapText {
  void flat_map(const std::string&, Numbers&) {}
};
struct FlatMapUnseen {
  void flat_map(Number n, auto& out) { out.collect(n); }
};
struct MapToNothing {
  void map(Number) {}
};
struct MoveOnly {
  std::unique_ptr<Number> kept;
  Number map(Number n) { return n; }
  void process(Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }
};

auto build(weir::DataStream<Number> numbers) {
  auto keyed = numbers.key_by([](Number n) { return n; });
  auto move_only = [kept = std::make_unique<Number>(1)](Number n) { return n + *kept; };
#if defined(RIGHT)
  (void)move_only;
  numbers.map(Lookup{}).flat_map<Number>(FlatMapUnseen{});
  numbers.connect(numbers).map(ByMember{}, Lookup{});
  numbers.connect(numbers).flat_map(ByMember{}, [](Number n, Numbers& out) { out.collect(n); });
  numbers.connect(numbers).process(ByMember{}, ByMember{});
  keyed.reduce(ByMember{});
  return numbers.map(ByMember{}).filter(ByMember{}).flat_map(ByMember{}).process(ByMember{});
#elif defined(MAP_BY_BOTH)
  return numbers.map(ByBoth([](Number n) { return n; }));
#elif defined(FILTER_BY_BOTH)
  return numbers.filter(ByBoth([](Number n) { return n > 0; }));
#elif defined(FLAT_MAP_BY_BOTH)
  return numbers.flat_map(ByBoth([](Number n, weir::Collector<std::string>& out) { out.collect(std::to_string(n)); }));
#elif defined(PROCESS_BY_BOTH)
  return numbers.process(ByBoth([](Number n, weir::RuntimeContext&, Numbers& out) { out.collect(n); }));
#elif defined(REDUCE_BY_BOTH)
  return keyed.reduce(ByBoth([](Number a, Number b) { return a + b; }));
#elif defined(MAP_PRIVATE)
  return numbers.map(Private{});
#elif defined(FLAT_MAP_OF_ANOTHER_RECORD)
  return numbers.flat_map(FlatMapText{});
#elif defined(FLAT_MAP_UNSEEN)
  return numbers.flat_map(FlatMapUnseen{});
#elif defined(MAP_OF_NOTHING)
  return numbers.map(MapToNothing{});
#elif defined(MOVE_ONLY_MAP)
  return numbers.map(std::move(move_only));
#elif defined(MOVE_ONLY_PROCESS)
  return numbers.process(MoveOnly{});
#elif defined(MOVE_ONLY_MEMBER)
  return numbers.map(MoveOnly{});
#elif defined(MOVE_ONLY_KEY)
  return numbers.key_by(std::move(move_only));
#elif defined(MOVE_ONLY_CO_MAP)
  return numbers.connect(numbers).map(std::move(move_only), [](Number n) { return n; });
#endif
}
