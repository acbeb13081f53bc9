// Numbers in the headers of frames.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

namespace weir {

static_assert(std::endian::native == std::endian::little,
              "formats are little endian, and so is every machine that this is built for");

/// Writes `value` at `bytes + at`, little endian, at any alignment.
template <class Number, class Byte>
void store_number(Byte* bytes, std::size_t at, Number value) {
  static_assert(sizeof(Byte) == 1);
  std::memcpy(bytes + at, &value, sizeof value);
}

/// The Number at `bytes + at`, little endian, at any alignment.
template <class Number, class Byte>
Number load_number(const Byte* bytes, std::size_t at) {
  static_assert(sizeof(Byte) == 1);
  Number value{};
  std::memcpy(&value, bytes + at, sizeof value);
  return value;
}

}  // namespace weir
