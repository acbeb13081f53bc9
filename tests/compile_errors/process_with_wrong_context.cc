// A keyed process function on a stream that has no key.
// expected: weir: the function given to process() cannot be called with
#include <weir/environment.h>

struct Count {
  void process(const std::string& line, weir::KeyedContext<std::string>&, weir::Collector<std::string>& out) {
    out.collect(line);
  }
};

auto build(weir::DataStream<std::string> lines) {
#ifdef RIGHT
  return lines.key_by([](const std::string& line) { return line; }).process(Count{});
#else
  return lines.process(Count{});
#endif
}
