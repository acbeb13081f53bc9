#include "weir/decimal.h"

#include <algorithm>

namespace weir::detail {

std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const Int128 limit = power_of_ten(precision);
  Int128 units = 0;
  int behind = -1;  // digits behind the point; -1 before it
  bool digits = false;
  for (const char c : text) {
    if (c == '.') {
      if (behind >= 0) return std::nullopt;
      behind = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    digits = true;
    if (behind == scale) {
      if (c != '0') return std::nullopt;
      continue;
    }
    if (behind >= 0) ++behind;
    if (units > (limit - 1) / 10) return std::nullopt;
    units = units * 10 + (c - '0');
    if (units >= limit) return std::nullopt;
  }
  if (!digits) return std::nullopt;
  for (int i = std::max(behind, 0); i < scale; ++i) {
    if (units > (limit - 1) / 10) return std::nullopt;
    units *= 10;
  }
  return negative ? -units : units;
}

std::string print_decimal(Int128 units, int scale) {
  UInt128 rest = units < 0 ? UInt128{0} - static_cast<UInt128>(units) : static_cast<UInt128>(units);
  std::string text;
  int digits = 0;
  while (rest != 0 || digits <= scale) {
    if (digits == scale && scale > 0) text.push_back('.');
    text.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
    ++digits;
  }
  if (units < 0) text.push_back('-');
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace weir::detail
