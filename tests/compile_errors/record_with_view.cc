// A std::string_view in a record.
// expected: weir: this type holds a std::string_view
#include <weir/environment.h>

struct Line {
#ifdef RIGHT
  weir::Text text;
#else
  std::string_view text;
#endif
};

auto build(weir::DataStream<std::string> lines) {
  return lines.map([](const std::string&) { return Line{}; }).map([](const Line&) { return 1; });
}
