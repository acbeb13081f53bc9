// Amounts of memory as Flink's configuration writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/byte_count.h"

namespace weir::config {

/// Reads an amount of memory: a whole number and a unit, blanks allowed, unit in any case. All units are powers of
/// 1024. Units: b bytes, k kb kibibytes, m mb mebibytes, g gb gibibytes, t tb tebibytes. No unit means bytes.
/// @return nothing when the text is none, or more than 2^63 - 1 bytes
std::optional<ByteCount> parse_memory_size(std::string_view text);

/// The shortest way to write `size` that parses to the same value: "64 mb", "1500 kb".
std::string to_text(ByteCount size);

}  // namespace weir::config
