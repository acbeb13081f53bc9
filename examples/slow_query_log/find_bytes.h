// Finds the first of several bytes, a vector at a time.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slow_query_log {

/// The first place in text[from, to) where one of the bytes stands; `to` when there is none.
/// Lives on: any thread (pure). Reads nothing outside of the text.
template <char... kBytes>
size_t find_bytes(std::string_view text, size_t from, size_t to) {
#if defined(__SSE2__)
  while (from < to && text.size() - from >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    __m128i equal = _mm_setzero_si128();
    ((equal = _mm_or_si128(equal, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(kBytes)))), ...);
    const auto mask = static_cast<uint32_t>(_mm_movemask_epi8(equal));
    if (mask != 0) {
      const size_t found = from + static_cast<size_t>(std::countr_zero(mask));
      return found < to ? found : to;
    }
    from += 16;
  }
#endif
  for (; from < to; ++from) {
    if (((text[from] == kBytes) || ...)) return from;
  }
  return to;
}

}  // namespace slow_query_log
