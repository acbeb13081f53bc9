// A set, which has no encoding, deep in a record that goes through a whole job: the field is named, and said once.
// expected: weir: this type holds a class with constructors or private members
// context: CheckField<Inner, weir::detail::FieldName<4>{"tags"}, std::set<int> >
// context: CheckField<Order, weir::detail::FieldName<5>{"inner"}, Inner>
#include <weir/environment.h>
#include <weir/sink.h>

#include <set>

struct Inner {
  std::string text;
#ifdef RIGHT
  std::vector<int> tags;
#else
  std::set<int> tags;
#endif
};
struct Order {
  std::int64_t id = 0;
  Inner inner;
};

void build(weir::StreamExecutionEnvironment& env, weir::DataStream<std::int64_t> ids) {
  env.from_collection(std::vector<Order>())
      .map([](const Order& order) { return order; })
      .key_by(&Order::id)
      .reduce([](const Order& a, const Order&) { return a; });
  ids.map([](std::int64_t id) { return Order{id, {}}; });
}
