// flat_map with a generic lambda whose output nobody names.
// expected: weir: flat_map() cannot see what its function collects
#include <weir/environment.h>

auto build(weir::DataStream<std::string> lines) {
#ifdef RIGHT
  return lines.flat_map<std::string>([](const auto& line, auto& out) { out.collect(line); });
#else
  return lines.flat_map([](const auto& line, auto& out) { out.collect(line); });
#endif
}
