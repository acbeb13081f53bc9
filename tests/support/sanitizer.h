#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/base/sanitizer.h"

namespace weir::test {

/// What this build leaves out, "NAME: REASON" each; tests/unit/main.cc prints it and tools/test_summary.py counts it.
inline std::vector<std::string>& skipped_cases() {
  static std::vector<std::string> cases;
  return cases;
}

/// Leaves a case out under a sanitizer that it cannot live with, and says why:
///     TEST_CASE("crash_handler: a corrupted heap ..." * test::not_under(Sanitizer::address, "it ends the program
///     itself"))
struct not_under {
  Sanitizer sanitizer;
  const char* reason;

  not_under(Sanitizer sanitizer, const char* reason) : sanitizer(sanitizer), reason(reason) {}
  void fill(doctest::detail::TestCase& test) const {
    if (sanitizer != kSanitizer) return;
    test.m_skip = true;
    skipped_cases().push_back(std::string(test.m_name) + ": " + reason);
  }
};

}  // namespace weir::test
