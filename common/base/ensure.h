#pragma once

#include <fmt/format.h>

#include <string>

namespace weir {

/// Ends the process after writing what promise of ours was broken and where.
[[noreturn]] void ensure_failed(const char* condition, const std::string& message, const char* file, int line);

}  // namespace weir

/// A broken promise of ours stops the process, in release builds too. Never for what a peer, a file or a user can
/// cause.
///     ENSURE(offset <= size, "offset {} size {}", offset, size);
#define ENSURE(condition, ...)                                                           \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::weir::ensure_failed(#condition, ::fmt::format(__VA_ARGS__), __FILE__, __LINE__); \
  } while (false)
