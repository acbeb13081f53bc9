// The functions of connected streams in the wrong order.
// expected: weir: map() on connected streams needs map1(const A&), or a first function, that takes a record of the
// first stream
#include <weir/environment.h>

struct Order {
  std::int64_t id;
};

auto build(weir::DataStream<Order> orders, weir::DataStream<std::string> words) {
  const auto of_order = [](const Order& order) { return std::to_string(order.id); };
  const auto of_word = [](const std::string& word) { return word; };
#ifdef RIGHT
  return orders.connect(words).map(of_order, of_word);
#else
  return orders.connect(words).map(of_word, of_order);
#endif
}
