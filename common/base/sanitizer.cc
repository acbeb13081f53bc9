#include "common/base/sanitizer.h"

#include <algorithm>
#include <cstdlib>

namespace weir {

std::vector<std::string> with_sanitizer_options(std::vector<std::string> environment) {
  if constexpr (kSanitizer == Sanitizer::none) return environment;
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const std::string start = std::string(name) + "=";
    const bool is_named =
        std::ranges::any_of(environment, [&](const std::string& line) { return line.starts_with(start); });
    if (is_named) continue;
    const char* value = std::getenv(name);
    std::string options = value == nullptr ? "" : value;
    if (start != "LSAN_OPTIONS=")
      options += ":handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0";
    environment.push_back(start + options);
  }
  return environment;
}

}  // namespace weir
