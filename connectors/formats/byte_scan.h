// Finds either of two bytes, a vector at a time.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::connectors {

/// Walks over the places in a text where one of two bytes stands. Every vector of the text is compared once, however
/// close together the places are. Lives on: one thread. Reads nothing outside of the text.
class ByteScan {
 public:
#if defined(__SSE2__)
  ByteScan(std::string_view text, char one, char other)
      : text_(text), one_(_mm_set1_epi8(one)), other_(_mm_set1_epi8(other)) {
    load();
  }
#else
  ByteScan(std::string_view text, char one, char other) : text_(text), one_(one), other_(other) { load(); }
#endif

  /// The next place at or behind `from`, which must not go back from one question to the next; text.size() when there
  /// is none.
  std::size_t next(std::size_t from) {
    // Between the last question's place and the block nothing stands.
    if (from < block_) from = block_;
    if (from >= block_ + kBlock) {
      block_ = from;
      load();
    }
    std::uint32_t left = mask_ & ~((std::uint32_t{1} << (from - block_)) - 1);
    while (left == 0) {
      block_ += kBlock;
      load();
      left = mask_;
      if (block_ >= text_.size()) return text_.size();
    }
    return block_ + static_cast<std::size_t>(std::countr_zero(left));
  }

 private:
  static constexpr std::size_t kBlock = 16;

  void load() {
    if (block_ + kBlock <= text_.size()) {
      mask_ = compare(text_.data() + block_);
    } else if (block_ < text_.size()) {
      char rest[kBlock] = {};
      const std::size_t size = text_.size() - block_;
      std::memcpy(rest, text_.data() + block_, size);
      mask_ = compare(rest) & ((std::uint32_t{1} << size) - 1);
    } else {
      mask_ = 0;
    }
  }

  std::uint32_t compare(const char* at) const {
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i equal = _mm_or_si128(_mm_cmpeq_epi8(bytes, one_), _mm_cmpeq_epi8(bytes, other_));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(equal));
#else
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < kBlock; ++i) mask |= std::uint32_t{at[i] == one_ || at[i] == other_} << i;
    return mask;
#endif
  }

  std::string_view text_;
#if defined(__SSE2__)
  __m128i one_;  // in every byte
  __m128i other_;
#else
  char one_;
  char other_;
#endif
  std::size_t block_ = 0;
  std::uint32_t mask_ = 0;  // of the block's bytes
};

}  // namespace weir::connectors
