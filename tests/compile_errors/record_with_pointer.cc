// A pointer in a record.
// expected: weir: this type holds a pointer
#include <weir/environment.h>

struct Order {
  std::int64_t id;
#ifdef RIGHT
  std::string name;
#else
  const char* name;
#endif
};

auto build(weir::StreamExecutionEnvironment& env) {
  return env.from_collection<std::int64_t>({1}).map(
                                                   [](std::int64_t id) {
    return Order{id, "x"};
  }).filter([](const Order& order) { return order.id > 0; });
}
