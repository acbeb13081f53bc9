// A state that would keep a view into a batch.
// expected: weir: a state cannot hold weir::Text
#include <weir/environment.h>

struct Last {
#ifdef RIGHT
  weir::ValueState<std::string> last;
  void open(weir::RuntimeContext& context) { last = context.value_state<std::string>("last"); }
#else
  weir::ValueState<weir::Text> last;
  void open(weir::RuntimeContext& context) { last = context.value_state<weir::Text>("last"); }
#endif
};

template void weir::detail::open_function<Last, weir::RuntimeContext>(Last&, weir::RuntimeContext&);
