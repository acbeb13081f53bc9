// The key in front of the partitioner.
// expected: weir: key_by() and partition_custom() take the key as a pointer to a field
#include <weir/environment.h>

struct Order {
  std::int64_t id;
};

auto build(weir::DataStream<Order> orders) {
  const auto partitioner = [](std::int64_t id, int subtasks) { return static_cast<int>(id % subtasks); };
#ifdef RIGHT
  return orders.partition_custom(partitioner, &Order::id).map([](const Order& o) { return o.id; });
#else
  return orders.partition_custom(&Order::id, partitioner).map([](const Order& o) { return o.id; });
#endif
}
