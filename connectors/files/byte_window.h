// A part of a file in memory that moves forward over it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace weir::connectors {

/// Lives on: one thread. Behind its bytes lie kPaddingBytes more that may be read, though nothing is said about them.
class ByteWindow {
 public:
  /// Enough for the parsers that read whole vectors.
  static constexpr std::size_t kPaddingBytes = 64;

  std::string_view view() const { return {bytes_.get() + begin_, size_}; }
  std::size_t size() const { return size_; }
  /// Bytes that may be read behind `end`, a place in the window: the rest of it and the padding.
  std::size_t readable_behind(const char* end) const {
    return static_cast<std::size_t>(bytes_.get() + begin_ + size_ + kPaddingBytes - end);
  }
  void drop_front(std::size_t count) {
    begin_ += count;
    size_ -= count;
  }
  /// Room for `count` bytes behind those that are there; what is put into it counts from added() on. Views into the
  /// window end.
  std::span<char> room(std::size_t count) {
    if (begin_ + size_ + count + kPaddingBytes > capacity_) make_room(count);
    return {bytes_.get() + begin_ + size_, count};
  }
  void added(std::size_t count) { size_ += count; }

 private:
  void make_room(std::size_t count) {
    const std::size_t needed = size_ + count + kPaddingBytes;
    if (needed <= capacity_) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size_);
    } else {
      // Twice: a record that grows over many chunks is moved as often as it doubles.
      const std::size_t capacity = std::max(needed, 2 * size_);
      auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
      if (size_ > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, size_);
      bytes_ = std::move(bytes);
      capacity_ = capacity;
    }
    begin_ = 0;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weir::connectors
