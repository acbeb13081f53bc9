#include "common/config/duration.h"

#include <array>
#include <cstdint>
#include <limits>

#include "common/config/words.h"

namespace weir::config {
namespace {

struct Unit {
  std::string_view short_name;
  std::int64_t nanoseconds;
  std::array<std::string_view, 3> long_names;  ///< singular; the plural adds an s
};

constexpr Unit kUnits[] = {
    {"d", 86'400'000'000'000, {"day"}},          {"h", 3'600'000'000'000, {"hour"}},
    {"min", 60'000'000'000, {"minute"}},         {"s", 1'000'000'000, {"sec", "second"}},
    {"ms", 1'000'000, {"milli", "millisecond"}}, {"us", 1'000, {"micro", "microsecond"}},
    {"ns", 1, {"nano", "nanosecond"}},
};

std::optional<std::int64_t> nanoseconds_of(std::string_view unit) {
  if (unit.empty()) return 1'000'000;
  if (unit == "m") return 60'000'000'000;
  if (unit == "µs") return 1'000;
  for (const Unit& one : kUnits) {
    if (unit == one.short_name) return one.nanoseconds;
    for (std::string_view name : one.long_names) {
      if (!name.empty() && (unit == name || (unit.starts_with(name) && unit.substr(name.size()) == "s")))
        return one.nanoseconds;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  std::optional<std::int64_t> scale = nanoseconds_of(quantity->unit);
  if (!scale || quantity->number > std::numeric_limits<std::int64_t>::max() / *scale) return std::nullopt;
  return Duration(quantity->number * *scale);
}

std::string to_text(Duration span) {
  std::int64_t count = span.count();
  if (count == 0) return "0 ms";
  for (const Unit& unit : kUnits) {
    if (count % unit.nanoseconds == 0) {
      return std::to_string(count / unit.nanoseconds) + " " + std::string(unit.short_name);
    }
  }
  return std::to_string(count) + " ns";
}

}  // namespace weir::config
