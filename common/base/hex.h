// Bytes as lower-case hexadecimal text, and back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// Two lower-case digits per byte, most significant first.
std::string to_hex(std::span<const unsigned char> bytes);

/// Fills `bytes` from exactly 2 * bytes.size() hexadecimal digits of either case.
/// @return  false when the length differs or a character is no digit; `bytes` is then unspecified
bool from_hex(std::string_view text, std::span<unsigned char> bytes) noexcept;

}  // namespace weir
