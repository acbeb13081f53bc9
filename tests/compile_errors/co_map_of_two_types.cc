// Two functions on connected streams that make different records.
// expected: weir: the two functions given to map() on connected streams return different types
#include <weir/environment.h>

auto build(weir::DataStream<std::string> words, weir::DataStream<std::int64_t> numbers) {
#ifdef RIGHT
  return words.connect(numbers)
      .map([](const std::string& word) { return word; }, [](std::int64_t n) { return std::to_string(n); })
      .name("texts");
#else
  return words.connect(numbers).map(
                                   [](const std::string& word) {
    return word;
                                   },
                                   [](std::int64_t n) {
    return n;
  }).name("texts");
#endif
}
