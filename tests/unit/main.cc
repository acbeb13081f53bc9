#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/sanitizer.h"

int main(int argc, char** argv) {
  for (const auto& one : weir::test::skipped_cases()) std::printf("skipped: %s\n", one.c_str());
  std::fflush(stdout);
  return doctest::Context(argc, argv).run();
}
