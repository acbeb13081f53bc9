// A key whose type no field of the schema has.
// expected: weir: key_by() and partition_custom() got a pointer to a member that weir::Schema does not list
#include <weir/environment.h>

struct Order {
  std::int64_t id = 0;
  std::string customer;
};
template <>
struct weir::Schema<Order> {
  static constexpr std::string_view name = "Order";
#ifdef RIGHT
  static constexpr auto fields = std::tuple{weir::Field{"id", &Order::id}, weir::Field {
                                              "customer",
                                              &Order::customer
                                            }};
#else
  static constexpr auto fields = std::tuple{weir::Field{"id", &Order::id}};
#endif
};

auto build(weir::DataStream<Order> orders) { return orders.key_by(&Order::customer); }
