// A list as key.
// expected: weir: a key is a number, bool, enum, text, time or decimal
#include <weir/environment.h>

struct Tagged {
  std::vector<std::string> tags;
  std::string name;
};

auto build(weir::DataStream<Tagged> stream) {
#ifdef RIGHT
  return stream.key_by(&Tagged::name);
#else
  return stream.key_by(&Tagged::tags);
#endif
}
