// Which Weir this is. A job library carries these in its note; one of another ABI number is refused at upload.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// Exact: no promise between different numbers. Raised with every change of an installed header that a built library
/// would notice.
inline constexpr std::uint32_t kAbi = 3;
inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kCompiler = "g++ " __VERSION__;

}  // namespace weir
