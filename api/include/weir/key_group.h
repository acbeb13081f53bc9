// The frozen hash of keys, and the key group of a hash. Part of the stored format and of the wire: never changes.
// Test vectors: tests/unit/api/key_group_test.cc.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace weir {

namespace detail {

inline constexpr std::uint64_t kHash0 = 0x8bb84b93962eacc9ull;
inline constexpr std::uint64_t kHash1 = 0x4b33a62ed433d4a3ull;
inline constexpr std::uint64_t kHash2 = 0xa0761d6478bd642full;
inline constexpr std::uint64_t kHash3 = 0xe7037ed1a0b428dbull;

constexpr std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load_le(const char* bytes, std::size_t count) {  // count <= 8, little endian machine
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word;
}

}  // namespace detail

/// Hash of a number key: integers, enums and bool by value, extended to 64 bits with their sign, so that a key keeps
/// its group when its type is widened.
constexpr std::uint64_t hash_word(std::uint64_t value) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(value ^ detail::kHash0) * detail::kHash1;
  return detail::fold_multiply(static_cast<std::uint64_t>(product) ^ detail::kHash2,
                               static_cast<std::uint64_t>(product >> 64) ^ detail::kHash3);
}

/// Hash of a floating key: by the bits of the double, -0.0 as 0.0 and every NaN as one.
inline std::uint64_t hash_double(double value) {
  if (value == 0.0) value = 0.0;
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return hash_word(bits);
}

/// Hash of a text key, by its bytes.
inline std::uint64_t hash_bytes(std::string_view bytes) {
  using namespace detail;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = kHash0 ^ fold_multiply(static_cast<std::uint64_t>(left) ^ kHash1, kHash2);
  while (left > 16) {
    state = fold_multiply(load_le(at, 8) ^ kHash1, load_le(at + 8, 8) ^ state);
    at += 16;
    left -= 16;
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load_le(at, 8);
    high = load_le(at + left - 8, 8);
  } else if (left >= 4) {
    low = load_le(at, 4);
    high = load_le(at + left - 4, 4);
  } else if (left > 0) {
    low = static_cast<unsigned char>(at[0]) |
          (static_cast<std::uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8) |
          (static_cast<std::uint64_t>(static_cast<unsigned char>(at[left - 1])) << 16);
  }
  state = fold_multiply(low ^ kHash2, high ^ state);
  return fold_multiply(state ^ kHash3, kHash1);
}

/// Hash of a composite key: fold its fields' hashes from first to last, starting with 0.
constexpr std::uint64_t hash_combine(std::uint64_t seed, std::uint64_t field_hash) {
  return detail::fold_multiply(seed ^ detail::kHash2, field_hash ^ detail::kHash3);
}

inline constexpr std::uint32_t kKeyGroupsMax = 32768;

/// Key group of a hash: its high bits scaled to 0..max_parallelism-1.
constexpr std::uint32_t key_group_of(std::uint64_t hash, std::uint32_t max_parallelism) {
  return static_cast<std::uint32_t>(((hash >> 32) * max_parallelism) >> 32);
}

/// Subtask that owns a key group: group * parallelism / max_parallelism, as Flink computes it.
constexpr std::uint32_t subtask_of_key_group(std::uint32_t group, std::uint32_t parallelism,
                                             std::uint32_t max_parallelism) {
  return group * parallelism / max_parallelism;
}

struct KeyGroupRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  ///< half open
  friend bool operator==(const KeyGroupRange&, const KeyGroupRange&) = default;
};

/// Key groups of one subtask: those for which subtask_of_key_group answers `subtask`.
constexpr KeyGroupRange key_groups_of_subtask(std::uint32_t subtask, std::uint32_t parallelism,
                                              std::uint32_t max_parallelism) {
  return {(subtask * max_parallelism + parallelism - 1) / parallelism,
          ((subtask + 1) * max_parallelism + parallelism - 1) / parallelism};
}

/// Flink's default: parallelism + half of it, rounded up to a power of two, within 128..32768.
constexpr std::uint32_t default_max_parallelism(std::uint32_t parallelism) {
  std::uint64_t wanted = std::uint64_t{parallelism} + parallelism / 2;
  std::uint64_t power = 128;
  while (power < wanted && power < kKeyGroupsMax) power *= 2;
  return static_cast<std::uint32_t>(power);
}

}  // namespace weir
