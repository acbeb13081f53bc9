// Bytes out and in, little endian, every read checked.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

/// Appends to a growing byte string. Lives on: any thread, one at a time.
class ByteWriter {
 public:
  template <class Number>
  requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
  void put(Number value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
  }
  void put_varint(std::uint64_t value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    bytes_.push_back(static_cast<char>(value));
  }
  /// Length as varint, then the bytes.
  void put_text(std::string_view text) {
    put_varint(text.size());
    bytes_.append(text);
  }
  void put_raw(std::string_view raw) { bytes_.append(raw); }
  void clear() { bytes_.clear(); }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what a ByteWriter wrote. A read beyond the end returns false and leaves the reader failed: check `ok()` once
/// at the end, or each answer where a value steers an allocation.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  template <class Number>
  requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
  bool get(Number& value) {
    if (remaining() < sizeof value) return fail();
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }
  bool get_varint(std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return fail();
      const auto byte = static_cast<std::uint8_t>(*at_++);
      if (shift == 63 && byte > 1) return fail();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return fail();
  }
  /// A view into the reader's bytes.
  bool get_text(std::string_view& text) {
    std::uint64_t length = 0;
    if (!get_varint(length) || length > remaining()) return fail();
    text = {at_, static_cast<std::size_t>(length)};
    at_ += length;
    return true;
  }
  bool get_raw(std::size_t count, std::string_view& raw) {
    if (count > remaining()) return fail();
    raw = {at_, count};
    at_ += count;
    return true;
  }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && at_ == end_; }
  /// For a decoder that read bytes which mean nothing: every later read fails too.
  bool fail() {
    ok_ = false;
    at_ = end_;
    return false;
  }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace weir
