// Two keyed streams connected whose keys are of different types.
// expected: weir: connect() on keyed streams needs keys of one type on both
#include <weir/environment.h>

struct Order {
  std::int64_t id;
  std::string name;
};
struct Payment {
  std::int64_t order;
};
struct Match {
  void process1(const Order& order, weir::KeyedContext<std::int64_t>&, weir::Collector<std::int64_t>& out) {
    out.collect(order.id);
  }
  void process2(const Payment& payment, weir::KeyedContext<std::int64_t>&, weir::Collector<std::int64_t>& out) {
    out.collect(payment.order);
  }
};

auto build(weir::DataStream<Order> orders, weir::DataStream<Payment> payments) {
#ifdef RIGHT
  return orders.key_by(&Order::id).connect(payments.key_by(&Payment::order)).process(Match{}).uid("match");
#else
  return orders.key_by(&Order::name).connect(payments.key_by(&Payment::order)).process(Match{}).uid("match");
#endif
}
