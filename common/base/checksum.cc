#include "common/base/checksum.h"

#include <cstring>

#include "common/base/vector_registers.h"
#include "common/base/xxh3.h"

namespace weir {

namespace {

/// Over more than 240 bytes libxxhash's functions for AVX return without clearing the upper halves (seen in 0.8.1).
template <class Sum>
Sum cleaned(Sum sum) noexcept {
  clear_upper_halves();
  return sum;
}

}  // namespace

std::uint64_t xxh3_64(std::string_view bytes) noexcept { return cleaned(XXH3_64bits(bytes.data(), bytes.size())); }

std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed) noexcept {
  return cleaned(XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

std::array<unsigned char, 16> xxh3_128(std::string_view bytes) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, cleaned(XXH3_128bits(bytes.data(), bytes.size())));
  std::array<unsigned char, 16> digest{};
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace weir
