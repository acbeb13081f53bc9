#include "common/base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void ensure_failed(const char* condition, const std::string& message, const char* file, int line) {
  std::fprintf(stderr, "broken promise at %s:%d: %s: %s\n", file, line, condition, message.c_str());
  std::abort();
}

}  // namespace weir
