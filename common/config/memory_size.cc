#include "common/config/memory_size.h"

#include <array>
#include <cstdint>
#include <limits>

#include "common/config/words.h"

namespace weir::config {
namespace {

struct Unit {
  int shift;
  std::array<std::string_view, 3> names;
};

constexpr Unit kUnits[] = {
    {40, {"tb", "t", "tebibytes"}}, {30, {"gb", "g", "gibibytes"}}, {20, {"mb", "m", "mebibytes"}},
    {10, {"kb", "k", "kibibytes"}}, {0, {"bytes", "b", ""}},
};

std::optional<int> shift_of(std::string_view unit) {
  for (const Unit& one : kUnits) {
    for (std::string_view name : one.names) {
      if (unit == name) return one.shift;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ByteCount> parse_memory_size(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  std::optional<int> shift = shift_of(quantity->unit);
  if (!shift || quantity->number > (std::numeric_limits<std::int64_t>::max() >> *shift)) return std::nullopt;
  return ByteCount(static_cast<std::uint64_t>(quantity->number << *shift));
}

std::string to_text(ByteCount size) {
  for (const Unit& unit : kUnits) {
    std::uint64_t scale = std::uint64_t{1} << unit.shift;
    if (size.bytes() >= scale && size.bytes() % scale == 0) {
      return std::to_string(size.bytes() / scale) + " " + std::string(unit.names[0]);
    }
  }
  return std::to_string(size.bytes()) + " bytes";
}

}  // namespace weir::config
