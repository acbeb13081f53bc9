// Text from anywhere made safe for one line of a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::log {

/// `text` with every control character (C0, DEL, C1) and every byte that is not part of valid UTF-8 written as \n, \r,
/// \t or \xNN; cut at a character border so that the result, with its note of how much was left out, is at most
/// `bytes_max`. Pure. `bytes_max` is at least 64.
std::string escape_control(std::string_view text, std::size_t bytes_max);

}  // namespace weir::log
