#include "common/base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void ensure_failed(const char* condition, const std::string& message, const std::source_location& where) {
  std::fprintf(stderr, "broken promise at %s:%u: %s: %s\n", where.file_name(), static_cast<unsigned>(where.line()),
               condition, message.c_str());
  std::abort();
}

}  // namespace weir
