// filter with a function that answers no bool.
// expected: weir: the function given to filter()
#include <weir/environment.h>

auto build(weir::DataStream<std::int64_t> numbers) {
#ifdef RIGHT
  return numbers.filter([](std::int64_t n) { return n > 1; });
#else
  return numbers.filter([](std::int64_t n) { return std::to_string(n); });
#endif
}
