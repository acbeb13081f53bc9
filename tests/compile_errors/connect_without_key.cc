// A function for keyed streams on connected streams that have no key.
// expected: weir: process() on connected streams needs process1(const A&, context&, weir::Collector<Out>&)
#include <weir/environment.h>

struct Match {
  void process1(const std::string& word, weir::KeyedContext<std::string>&, weir::Collector<std::string>& out) {
    out.collect(word);
  }
  void process2(const std::int64_t&, weir::KeyedContext<std::string>&, weir::Collector<std::string>&) {}
};

auto build(weir::DataStream<std::string> words, weir::DataStream<std::int64_t> numbers) {
#ifdef RIGHT
  return words.connect(numbers)
      .key_by([](const std::string& word) { return word; }, [](std::int64_t n) { return std::to_string(n); })
      .process(Match{});
#else
  return words.connect(numbers).process(Match{});
#endif
}
