// XXH3 over bytes: for frames, stored files and fingerprints. Not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

/// XXH3, 64 bits, seed 0.
std::uint64_t xxh3_64(std::string_view bytes) noexcept;
/// The same over the pieces one after the other, as if they were one.
std::uint64_t xxh3_64(std::span<const std::string_view> pieces);

/// XXH3, 128 bits, seed 0, in canonical (big endian) byte order.
std::array<unsigned char, 16> xxh3_128(std::string_view bytes) noexcept;

}  // namespace weir
