// XXH3 over bytes: for frames, stored files and fingerprints. Not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// XXH3, 64 bits, seed 0.
std::uint64_t xxh3_64(std::string_view bytes) noexcept;
/// XXH3, 64 bits, with a seed: the checksum of something that goes before, so that the pair is covered without a copy.
std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed) noexcept;

/// XXH3, 128 bits, seed 0, in canonical (big endian) byte order.
std::array<unsigned char, 16> xxh3_128(std::string_view bytes) noexcept;

}  // namespace weir
