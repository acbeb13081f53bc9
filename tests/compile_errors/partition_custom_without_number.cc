// A partitioner that does not take the number of subtasks.
// expected: weir: the partitioner given to partition_custom() must take the key and the number of subtasks
#include <weir/environment.h>

struct Order {
  std::int64_t id;
};

auto build(weir::DataStream<Order> orders) {
#ifdef RIGHT
  return orders
      .partition_custom([](std::int64_t id, int subtasks) { return static_cast<int>(id % subtasks); }, &Order::id)
      .map([](const Order& o) { return o.id; });
#else
  return orders.partition_custom([](std::int64_t id) { return static_cast<int>(id % 4); }, &Order::id)
      .map([](const Order& o) { return o.id; });
#endif
}
