// map with a function that returns nothing.
// expected: weir: the function given to map() returns nothing
#include <weir/environment.h>

auto build(weir::DataStream<std::int64_t> numbers) {
#ifdef RIGHT
  return numbers.map([](std::int64_t n) { return n; });
#else
  return numbers.map([](std::int64_t) {});
#endif
}
