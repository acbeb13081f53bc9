#include "connectors/formats/scalar_text.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>

#include "weir/decimal.h"
#include "weir/text.h"
#include "weir/time.h"

namespace weir::connectors {
namespace {

template <class Number>
bool parse_number(std::string_view text, void* object) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  std::memcpy(object, &value, sizeof value);
  return true;
}

bool parse_boolean(std::string_view text, void* object) {
  const bool yes = text == "true" || text == "TRUE" || text == "True" || text == "1";
  if (!yes && text != "false" && text != "FALSE" && text != "False" && text != "0") return false;
  std::memcpy(object, &yes, sizeof yes);
  return true;
}

/// Reads exactly `digits` digits.
bool take_digits(std::string_view& text, int digits, int& value) {
  value = 0;
  for (int i = 0; i < digits; ++i) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return false;
    value = value * 10 + (text[0] - '0');
    text.remove_prefix(1);
  }
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// `2022-04-13T04:00:02.179Z`, a blank for the T, without fraction, with an offset or without zone (UTC).
bool parse_iso_time(std::string_view text, std::int64_t& ms) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') ||
      !take_digits(text, 2, day))
    return false;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  if (!take(text, 'T') && !take(text, ' ')) return false;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute) || !take(text, ':') ||
      !take_digits(text, 2, second))
    return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  int fraction_ms = 0;
  if (take(text, '.')) {
    int digits = 0;
    for (int digit = 0; take_digits(text, 1, digit); ++digits) {
      if (digits < 3) fraction_ms = fraction_ms * 10 + digit;
    }
    if (digits == 0) return false;
    for (; digits < 3; ++digits) fraction_ms *= 10;
  }
  int shift_minutes = 0;
  if (!text.empty() && text != "Z") {
    const bool east = text[0] == '+';
    int hours = 0, minutes = 0;
    if (!east && text[0] != '-') return false;
    text.remove_prefix(1);
    if (!take_digits(text, 2, hours)) return false;
    take(text, ':');
    if (!take_digits(text, 2, minutes) || !text.empty()) return false;
    shift_minutes = (hours * 60 + minutes) * (east ? 1 : -1);
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  ms = (((days * 24 + hour) * 60 + minute - shift_minutes) * 60 + second) * 1000 + fraction_ms;
  return true;
}

bool parse_time(std::string_view text, void* object) {
  std::int64_t ms = 0;
  if (!parse_number<std::int64_t>(text, &ms) && !parse_iso_time(text, ms)) return false;
  const EventTime time = from_ms(ms);
  std::memcpy(object, &time, sizeof time);
  return true;
}

bool parse_decimal(const TypeInfo& type, std::string_view text, void* object) {
  const auto units = detail::parse_decimal(text, static_cast<int>(type.precision), static_cast<int>(type.scale));
  if (!units) return false;
  if (type.size == sizeof(std::int64_t)) {
    const auto narrow = static_cast<std::int64_t>(*units);
    std::memcpy(object, &narrow, sizeof narrow);
  } else {
    std::memcpy(object, &*units, sizeof *units);
  }
  return true;
}

template <class Number>
void print_integer(const void* object, std::string& out) {
  Number value;
  std::memcpy(&value, object, sizeof value);
  fmt::format_int text(value);
  out.append(text.data(), text.size());
}

template <class Number>
void print_float(const void* object, std::string& out) {
  Number value;
  std::memcpy(&value, object, sizeof value);
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  out.append(text, error == std::errc() ? end : text);
}

void print_time(const void* object, std::string& out) {
  EventTime time;
  std::memcpy(&time, object, sizeof time);
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const int year = static_cast<int>(date.year());
  // The ends of time lie outside of ISO 8601's four-digit years.
  if (year < 0 || year > 9999) {
    print_integer<std::int64_t>(&time, out);
    return;
  }
  const std::int64_t ms = (time - days).count();
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year,
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), ms / 3'600'000,
                 ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

void print_decimal(const TypeInfo& type, const void* object, std::string& out) {
  detail::Int128 units = 0;
  if (type.size == sizeof(std::int64_t)) {
    std::int64_t narrow = 0;
    std::memcpy(&narrow, object, sizeof narrow);
    units = narrow;
  } else {
    std::memcpy(&units, object, sizeof units);
  }
  out += detail::print_decimal(units, static_cast<int>(type.scale));
}

}  // namespace

bool is_scalar(const TypeInfo& type) {
  switch (type.kind) {
    case TypeKind::optional:
    case TypeKind::list:
    case TypeKind::map:
    case TypeKind::record:
    case TypeKind::variant: return false;
    default: return true;
  }
}

const char* parse_scalar(const TypeInfo& type, std::string_view text, void* object) {
  switch (type.kind) {
    case TypeKind::boolean: return parse_boolean(text, object) ? nullptr : "true or false";
    case TypeKind::int8: return parse_number<std::int8_t>(text, object) ? nullptr : "a whole number of 8 bits";
    case TypeKind::int16: return parse_number<std::int16_t>(text, object) ? nullptr : "a whole number of 16 bits";
    case TypeKind::int32: return parse_number<std::int32_t>(text, object) ? nullptr : "a whole number of 32 bits";
    case TypeKind::int64: return parse_number<std::int64_t>(text, object) ? nullptr : "a whole number of 64 bits";
    case TypeKind::uint8:
      return parse_number<std::uint8_t>(text, object) ? nullptr : "a whole number of 8 bits, not negative";
    case TypeKind::uint16:
      return parse_number<std::uint16_t>(text, object) ? nullptr : "a whole number of 16 bits, not negative";
    case TypeKind::uint32:
      return parse_number<std::uint32_t>(text, object) ? nullptr : "a whole number of 32 bits, not negative";
    case TypeKind::uint64:
      return parse_number<std::uint64_t>(text, object) ? nullptr : "a whole number of 64 bits, not negative";
    case TypeKind::float32: return parse_number<float>(text, object) ? nullptr : "a number";
    case TypeKind::float64: return parse_number<double>(text, object) ? nullptr : "a number";
    case TypeKind::enumeration: return parse_scalar(*type.element, text, object);
    case TypeKind::text: *static_cast<Text*>(object) = Text::borrow(text); return nullptr;
    case TypeKind::string: static_cast<std::string*>(object)->assign(text); return nullptr;
    case TypeKind::time: return parse_time(text, object) ? nullptr : "a time as ISO 8601 or in milliseconds since 1970";
    case TypeKind::decimal: return parse_decimal(type, text, object) ? nullptr : "a decimal number that fits";
    default: return "a scalar";
  }
}

void print_scalar(const TypeInfo& type, const void* object, std::string& out) {
  switch (type.kind) {
    case TypeKind::boolean: out += *static_cast<const bool*>(object) ? "true" : "false"; return;
    case TypeKind::int8: print_integer<std::int8_t>(object, out); return;
    case TypeKind::int16: print_integer<std::int16_t>(object, out); return;
    case TypeKind::int32: print_integer<std::int32_t>(object, out); return;
    case TypeKind::int64: print_integer<std::int64_t>(object, out); return;
    case TypeKind::uint8: print_integer<std::uint8_t>(object, out); return;
    case TypeKind::uint16: print_integer<std::uint16_t>(object, out); return;
    case TypeKind::uint32: print_integer<std::uint32_t>(object, out); return;
    case TypeKind::uint64: print_integer<std::uint64_t>(object, out); return;
    case TypeKind::float32: print_float<float>(object, out); return;
    case TypeKind::float64: print_float<double>(object, out); return;
    case TypeKind::enumeration: print_scalar(*type.element, object, out); return;
    case TypeKind::text: out += static_cast<const Text*>(object)->view(); return;
    case TypeKind::string: out += *static_cast<const std::string*>(object); return;
    case TypeKind::time: print_time(object, out); return;
    case TypeKind::decimal: print_decimal(type, object, out); return;
    default: return;
  }
}

}  // namespace weir::connectors
