// Records of many shapes, shared by the tests of api.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "weir/decimal.h"
#include "weir/text.h"
#include "weir/time.h"

namespace weir::test {

struct Point {
  std::int32_t x = 0;
  double y = 0;
  bool marked = false;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::int64_t time = 0;
  Text channel;
  Text url;
  Text extra;
  friend bool operator==(const Bid&, const Bid&) = default;
};

enum class Colour : std::uint8_t { red, green, blue };

struct Everything {
  bool flag = false;
  std::int8_t small = 0;
  std::uint64_t big = 0;
  float single = 0;
  Colour colour = Colour::red;
  EventTime at{};
  Decimal<10, 2> price;
  Decimal<30, 4> total;
  std::string note;
  std::optional<std::int32_t> maybe;
  std::optional<std::string> maybe_note;
  std::optional<Point> maybe_point;
  Point point;
  std::vector<std::string> tags;
  std::vector<Point> points;
  std::map<std::string, std::vector<std::int64_t>> lists;
  std::unordered_map<std::int32_t, std::string> names;
  std::variant<std::int64_t, std::string, Point> choice;
  friend bool operator==(const Everything&, const Everything&) = default;
};

inline Everything filled(std::int64_t seed) {
  Everything value;
  value.flag = seed % 2 == 0;
  value.small = static_cast<std::int8_t>(seed);
  value.big = static_cast<std::uint64_t>(seed) * 0x9e3779b97f4a7c15ull;
  value.single = static_cast<float>(seed) / 3;
  value.colour = Colour::blue;
  value.at = from_ms(1'600'000'000'000 + seed);
  value.price = Decimal<10, 2>::from_units(seed * 7 - 3);
  value.total = Decimal<30, 4>::from_units(static_cast<detail::Int128>(seed) << 70);
  value.note = std::string(static_cast<std::size_t>(seed % 40), 'n');
  if (seed % 3 != 0) value.maybe = static_cast<std::int32_t>(seed);
  if (seed % 3 != 1) value.maybe_note = "note " + std::to_string(seed);
  if (seed % 3 != 2) value.maybe_point = Point{1, 2.5, true};
  value.point = {static_cast<std::int32_t>(seed), 0.5, seed % 5 == 0};
  for (std::int64_t i = 0; i < seed % 4; ++i) value.tags.push_back(std::to_string(i * seed));
  value.points.resize(static_cast<std::size_t>(seed % 3));
  value.lists["a"] = {1, seed};
  value.lists["b"] = {};
  value.names[static_cast<std::int32_t>(seed)] = "name";
  if (seed % 3 == 0) value.choice = seed;
  if (seed % 3 == 1) value.choice = std::string("chosen");
  if (seed % 3 == 2) value.choice = Point{9, 9, false};
  return value;
}

}  // namespace weir::test
