// A Text made of a std::string that is about to go.
// expected: use of deleted function
#include <weir/environment.h>

struct Line {
  weir::Text text;
};

Line make(weir::RuntimeContext& context, int number) {
#ifdef RIGHT
  return Line{context.text(std::to_string(number))};
#else
  static_cast<void>(context);
  return Line{std::to_string(number)};
#endif
}
