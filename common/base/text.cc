#include "common/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weir {
namespace {

/// Bytes of the valid UTF-8 sequence that `text` begins with; 0 when it begins with none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t index = 1; index < length; ++index)
    if ((byte(index) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates and code points above U+10FFFF.
  const unsigned char second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

}  // namespace

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string result;
  std::size_t position = 0;
  while (position < text.size()) {
    if (position >= bytes_max) {
      result += "...";
      break;
    }
    const auto rest = text.substr(position);
    const auto byte = static_cast<unsigned char>(rest[0]);
    const std::size_t length = utf8_length(rest);
    // C1 controls (U+0080 to U+009F) steer terminals as the C0 controls do.
    const bool is_c1 = length == 2 && byte == 0xc2 && static_cast<unsigned char>(rest[1]) < 0xa0;
    if (length > 1 && !is_c1) {
      result += rest.substr(0, length);
      position += length;
      continue;
    }
    if (byte == '\n')
      result += "\\n";
    else if (byte == '\t')
      result += "\\t";
    else if (byte == '\r')
      result += "\\r";
    else if (byte == '"' || byte == '\\')
      (result += '\\') += rest[0];
    else if (byte < 0x20 || byte >= 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += rest[0];
    ++position;
  }
  return result;
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  from = from.substr(0, 255);
  to = to.substr(0, 255);
  std::vector<std::size_t> before(to.size() + 1), above(to.size() + 1), row(to.size() + 1);
  for (std::size_t column = 0; column <= to.size(); ++column) above[column] = column;
  for (std::size_t line = 1; line <= from.size(); ++line) {
    row[0] = line;
    for (std::size_t column = 1; column <= to.size(); ++column) {
      const std::size_t replaced = above[column - 1] + (from[line - 1] == to[column - 1] ? 0 : 1);
      row[column] = std::min({above[column] + 1, row[column - 1] + 1, replaced});
      const bool is_swap =
          line > 1 && column > 1 && from[line - 1] == to[column - 2] && from[line - 2] == to[column - 1];
      if (is_swap) row[column] = std::min(row[column], before[column - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[to.size()];
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace weir
