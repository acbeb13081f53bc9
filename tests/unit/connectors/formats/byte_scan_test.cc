#include "connectors/formats/byte_scan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.h"

using weir::connectors::ByteScan;

TEST_CASE("byte_scan: every place of either byte, in texts of any length, from any place on") {
  const unsigned seed = weir::test::seed();
  std::mt19937 random(seed);
  CAPTURE(seed);
  for (int round = 0; round < 3000; ++round) {
    // Exactly as long as the memory behind it, so that a sanitizer sees what is read beyond.
    const std::string text = weir::test::random_text(random, static_cast<std::size_t>(round % 100),
                                                     round % 2 == 0 ? ",\"" : ",\"abcdefghijklmnopqrstuvwxyz");
    const std::vector<char> exact(text.begin(), text.end());
    ByteScan scan({exact.data(), exact.size()}, ',', '"');
    for (std::size_t from = 0; from <= text.size(); from += 1 + random() % (1 + static_cast<unsigned>(round) % 40)) {
      REQUIRE(scan.next(from) == std::min(text.find_first_of(",\"", from), text.size()));
    }
  }
}

TEST_CASE("byte_scan: in nothing there is nothing") {
  CHECK(ByteScan("", ',', '"').next(0) == 0);
  CHECK(ByteScan("abc", ',', '"').next(3) == 3);
  CHECK(ByteScan(std::string(16, 'x'), ',', '"').next(16) == 16);
}
