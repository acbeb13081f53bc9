// Plain text handling that the parsers of configuration share. ASCII, no locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// `text` without blanks, tabs, carriage returns and newlines at both ends.
std::string_view trimmed(std::string_view text);
/// `text` with A to Z in lower case.
std::string lower(std::string_view text);
/// The parts between separators: one more than there are separators, so at least one.
std::vector<std::string_view> split(std::string_view text, char separator);
/// "10 min" and the like.
struct Quantity {
  std::int64_t number = 0;  ///< not negative
  std::string unit;         ///< in lower case, as written; may be empty
};
/// Nothing when `text` does not begin with a digit or its number does not fit.
std::optional<Quantity> parse_quantity(std::string_view text);
/// `text` in double quotes for a message: printable, at most 80 bytes of it.
std::string in_quotes(std::string_view text);

}  // namespace weir::config
