// A sink that takes other records than the stream has.
// expected: weir: this sink takes records of another type than the stream has
#include <weir/environment.h>

template <class T>
struct Nowhere : weir::Sink<T> {
  std::string name() const override { return "nowhere"; }
  std::unique_ptr<weir::Operator> make_writer() const override { return nullptr; }
};

void build(weir::DataStream<std::int64_t> numbers) {
#ifdef RIGHT
  numbers.sink_to(Nowhere<std::int64_t>());
#else
  numbers.sink_to(Nowhere<std::string>());
#endif
}
