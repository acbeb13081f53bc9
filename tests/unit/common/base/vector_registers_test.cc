#include "common/base/vector_registers.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/base/checksum.h"
#include "tests/support/vector_registers.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

TEST_CASE("vector_registers: upper halves that are in use are clear afterwards") {
  if (!are_upper_halves_in_use()) {
    MESSAGE("skipped: this processor does not say which registers are in use");
    return;
  }
  use_upper_halves();
  const bool was_in_use = *are_upper_halves_in_use();
  clear_upper_halves();
  const bool is_in_use = *are_upper_halves_in_use();
  CHECK(was_in_use);
  CHECK_FALSE(is_in_use);
}

TEST_CASE("vector_registers: a checksum of any length leaves the upper halves clear") {
  if (!are_upper_halves_in_use()) {
    MESSAGE("skipped: this processor does not say which registers are in use");
    return;
  }
  const std::string bytes(5000, 'x');
  std::vector<std::string> dirty;
  for (const std::size_t count : {0u, 1u, 16u, 17u, 128u, 129u, 240u, 241u, 255u, 256u, 1024u, 1025u, 4999u}) {
    const std::string_view part = std::string_view(bytes).substr(0, count);
    const auto note = [&](const char* what) {
      if (*are_upper_halves_in_use()) dirty.push_back(what + std::to_string(count));
      clear_upper_halves();
    };
    clear_upper_halves();
    xxh3_64(part);
    note("xxh3_64 ");
    xxh3_64(part, 7);
    note("xxh3_64 with a seed ");
    xxh3_128(part);
    note("xxh3_128 ");
  }
  CHECK(dirty.empty());
}
