// Looks at the upper halves of the vector registers, and puts them in use on purpose.
#pragma once

#include <optional>

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace weir::test {

/// Whether an upper half of a vector register is in use on this thread, by what the processor says (XINUSE).
/// Nothing when the processor has no AVX or does not say.
[[gnu::always_inline]] inline std::optional<bool> are_upper_halves_in_use() {
#ifdef __x86_64__
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kSaysWhatIsInUse = 1u << 2;  // CPUID leaf 13, sub-leaf 1: XGETBV with ECX = 1
  if (!__builtin_cpu_supports("avx") || __get_cpuid_count(13, 1, &eax, &ebx, &ecx, &edx) == 0 ||
      (eax & kSaysWhatIsInUse) == 0)
    return std::nullopt;
  constexpr unsigned kUpperHalves = 1u << 2 | 1u << 6;  // of YMM and of ZMM registers 0 to 15
  asm volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(1));
  return (eax & kUpperHalves) != 0;
#else
  return std::nullopt;
#endif
}

/// Puts an upper half in use, as a library function does that leaves it so. Nothing on processors without AVX.
[[gnu::always_inline]] inline void use_upper_halves() {
#ifdef __x86_64__
  // Without a target attribute: the compiler would clean up at the function's end.
  if (__builtin_cpu_supports("avx")) asm volatile("vcmptrueps %%ymm0, %%ymm0, %%ymm0" : : : "xmm0");
#endif
}

}  // namespace weir::test
