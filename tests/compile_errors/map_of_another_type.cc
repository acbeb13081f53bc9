// map with a function of another type than the stream's.
// expected: weir: the function given to map() cannot be called with a record of this stream
#include <weir/environment.h>

struct Order {
  std::int64_t id;
};

auto build(weir::DataStream<Order> orders) {
#ifdef RIGHT
  return orders.map([](const Order& order) { return order.id; }).filter([](std::int64_t id) { return id > 0; });
#else
  return orders.map([](const std::string& order) { return order; }).filter([](const Order&) { return true; });
#endif
}
