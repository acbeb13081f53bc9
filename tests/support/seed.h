// Seeds of random tests: printed with a failure, and given again as WEIR_TEST_SEED.
#pragma once

#include <cstdlib>
#include <random>
#include <string>

namespace weir::test {

inline unsigned seed() {
  static const unsigned only = [] {
    const char* given = std::getenv("WEIR_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  }();
  return only;
}

/// A text of up to `size_max` bytes made from `alphabet`, with any byte now and then.
inline std::string random_text(std::mt19937& random, std::size_t size_max, const std::string& alphabet) {
  std::string text(random() % (size_max + 1), '\0');
  for (char& byte : text)
    byte = random() % 50 == 0 ? static_cast<char>(random() % 256) : alphabet[random() % alphabet.size()];
  return text;
}

}  // namespace weir::test
