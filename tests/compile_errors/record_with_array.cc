// A C array in a record.
// expected: weir: this type holds a C array
#include <weir/environment.h>

struct Sample {
#ifdef RIGHT
  std::vector<double> values;
#else
  double values[4];
#endif
  std::int64_t time;
};

auto build(weir::DataStream<Sample> samples) {
  return samples.key_by(&Sample::time).reduce([](const Sample& a, const Sample&) { return a; });
}
