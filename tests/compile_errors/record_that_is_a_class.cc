// A class with private members as a record.
// expected: weir: this type holds a class with constructors or private members
#include <weir/environment.h>

#ifdef RIGHT
struct Money {
  std::int64_t cents = 0;
};
#else
class Money {
 public:
  Money() = default;
  std::int64_t cents() const { return cents_; }

 private:
  std::int64_t cents_ = 0;
};
#endif
struct Payment {
  std::int64_t id = 0;
  Money amount;
};

auto build(weir::DataStream<std::int64_t> ids) {
  return ids.map([](std::int64_t id) { return Payment{id, {}}; });
}
