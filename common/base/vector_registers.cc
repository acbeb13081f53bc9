#include "common/base/vector_registers.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace weir {

#ifdef __x86_64__

namespace {

/// Also false when the kernel does not save these registers.
const bool has_avx = __builtin_cpu_supports("avx") != 0;

[[gnu::target("avx"), gnu::noinline]] void zero_upper() noexcept { _mm256_zeroupper(); }

}  // namespace

void clear_upper_halves() noexcept {
  if (has_avx) zero_upper();
}

#else

void clear_upper_halves() noexcept {}

#endif

}  // namespace weir
