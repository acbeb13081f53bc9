// reduce that makes another type than it takes.
// expected: weir: the function given to reduce() must take two records
#include <weir/environment.h>

struct Order {
  std::int64_t id;
  std::int64_t price;
};

auto build(weir::DataStream<Order> orders) {
  auto keyed = orders.key_by(&Order::id);
#ifdef RIGHT
  return keyed.reduce([](const Order& a, const Order& b) { return Order{a.id, a.price + b.price}; });
#else
  return keyed.reduce([](const Order& a, const Order& b) { return std::to_string(a.price + b.price); });
#endif
}
