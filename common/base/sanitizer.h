#pragma once

#include <string>
#include <vector>

#if defined(__has_feature)  // clang says it so, g++ by macros
#if __has_feature(address_sanitizer)
#define WEIR_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define WEIR_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEIR_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define WEIR_THREAD_SANITIZER 1
#endif

namespace weir {

/// What the code was compiled with: tools/dev build --sanitize. `address` includes the sanitizer of undefined
/// behaviour.
enum class Sanitizer { none, address, thread };

#if defined(WEIR_ADDRESS_SANITIZER)
inline constexpr Sanitizer kSanitizer = Sanitizer::address;
#elif defined(WEIR_THREAD_SANITIZER)
inline constexpr Sanitizer kSanitizer = Sanitizer::thread;
#else
inline constexpr Sanitizer kSanitizer = Sanitizer::none;
#endif

/// Whether a process of ours can live under RLIMIT_AS: a sanitizer reserves terabytes of address space for its shadow.
inline constexpr bool kLimitsAddressSpace = kSanitizer == Sanitizer::none;

/// The environment ("NAME=value") of a child that would otherwise see nothing of ours, and with it the sanitizers'
/// options that this process has, so that the child reports where the parent does. Signals keep their meaning in it:
/// what a child died of is what we tell about it. A variable that `environment` names already stays. Unchanged in a
/// build without a sanitizer.
std::vector<std::string> with_sanitizer_options(std::vector<std::string> environment);

}  // namespace weir
