#include "common/base/sanitizer.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace weir {
namespace {

using Lines = std::vector<std::string>;

std::ptrdiff_t count_of(const Lines& lines, const std::string& start) {
  return std::ranges::count_if(lines, [&](const std::string& line) { return line.starts_with(start); });
}

TEST_CASE(
    "sanitizer: a child's cleared environment keeps what it had, and gets options only where the build has a "
    "sanitizer") {
  const Lines before{"TZ=UTC", "LANG=C.UTF-8"};
  const Lines after = with_sanitizer_options(before);
  CHECK(Lines(after.begin(), after.begin() + 2) == before);
  CHECK((after.size() > before.size()) == (kSanitizer != Sanitizer::none));
  CHECK(count_of(after, "TSAN_OPTIONS=") == (kSanitizer == Sanitizer::none ? 0 : 1));
}

TEST_CASE("sanitizer: options that were named for the child are not overruled, and a second pass adds nothing") {
  const Lines once = with_sanitizer_options({"ASAN_OPTIONS=mine", "TSAN_OPTIONS="});
  CHECK(count_of(once, "ASAN_OPTIONS=") == 1);
  CHECK(once[0] == "ASAN_OPTIONS=mine");
  CHECK(once[1] == "TSAN_OPTIONS=");
  CHECK(with_sanitizer_options(once) == once);
}

}  // namespace
}  // namespace weir
