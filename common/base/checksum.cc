#include "common/base/checksum.h"

#include <xxhash.h>

#include <cstring>

#include "common/base/ensure.h"

namespace weir {

std::uint64_t xxh3_64(std::string_view bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint64_t xxh3_64(std::span<const std::string_view> pieces) {
  XXH3_state_t* state = XXH3_createState();
  ENSURE(state != nullptr, "no memory for a checksum");
  XXH3_64bits_reset(state);
  for (const auto piece : pieces)
    if (!piece.empty()) XXH3_64bits_update(state, piece.data(), piece.size());
  const std::uint64_t digest = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return digest;
}

std::array<unsigned char, 16> xxh3_128(std::string_view bytes) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::array<unsigned char, 16> digest{};
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace weir
