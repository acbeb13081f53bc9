// Values that people wrote, as numbers and bools. Errors are sentences for the person who submits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir::detail {

// `what` is how the sentence names the value: "argument --keys". Errors: UsageError.
bool parse_bool(std::string_view what, const std::string& text);
double parse_double(std::string_view what, const std::string& text);
std::int64_t parse_signed(std::string_view what, const std::string& text, std::int64_t least, std::int64_t most);
std::uint64_t parse_unsigned(std::string_view what, const std::string& text, std::uint64_t most);

/// A bool (true, false), a decimal number, or the text itself.
template <class T>
T parse_value(std::string_view what, const std::string& text) {
  static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::string>,
                "weir: an argument is read as a std::string, a number or a bool");
  if constexpr (std::is_same_v<T, std::string>) {
    return text;
  } else if constexpr (std::is_same_v<T, bool>) {
    return parse_bool(what, text);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(parse_double(what, text));
  } else if constexpr (std::is_unsigned_v<T>) {
    return static_cast<T>(parse_unsigned(what, text, static_cast<std::uint64_t>(static_cast<T>(-1))));
  } else {
    constexpr std::int64_t kMost = static_cast<std::int64_t>((std::uint64_t{1} << (sizeof(T) * 8 - 1)) - 1);
    return static_cast<T>(parse_signed(what, text, -kMost - 1, kMost));
  }
}

}  // namespace weir::detail
