// An amount of memory or data.
#pragma once

#include <compare>
#include <cstdint>

namespace weir {

/// A number of bytes that can't be mixed up with a count of anything else.
/// Lives on: any thread (a value).
class ByteCount {
 public:
  constexpr ByteCount() = default;
  constexpr explicit ByteCount(std::uint64_t bytes) : bytes_(bytes) {}
  static constexpr ByteCount kib(std::uint64_t count) { return ByteCount(count << 10); }
  static constexpr ByteCount mib(std::uint64_t count) { return ByteCount(count << 20); }
  static constexpr ByteCount gib(std::uint64_t count) { return ByteCount(count << 30); }

  constexpr std::uint64_t bytes() const { return bytes_; }
  constexpr double in_mib() const { return static_cast<double>(bytes_) / (1 << 20); }

  friend constexpr auto operator<=>(ByteCount, ByteCount) = default;
  friend constexpr ByteCount operator+(ByteCount a, ByteCount b) { return ByteCount(a.bytes_ + b.bytes_); }
  /// Never below zero.
  friend constexpr ByteCount operator-(ByteCount a, ByteCount b) {
    return ByteCount(a.bytes_ > b.bytes_ ? a.bytes_ - b.bytes_ : 0);
  }
  friend constexpr ByteCount operator*(ByteCount a, std::uint64_t factor) { return ByteCount(a.bytes_ * factor); }
  friend constexpr ByteCount operator/(ByteCount a, std::uint64_t divisor) { return ByteCount(a.bytes_ / divisor); }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace weir
