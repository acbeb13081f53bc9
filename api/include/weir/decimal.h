// Decimal: exact numbers with a fixed count of digits after the point.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

namespace detail {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

constexpr Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// Reads "-12.345" as units of 10^-scale. Empty when it is not a number, has more than `scale` digits behind the point
/// that are not zero, or more than `precision` digits in all.
std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale);
std::string print_decimal(Int128 units, int scale);

}  // namespace detail

/// A number of `Precision` decimal digits, `Scale` of them after the point: Decimal<10, 2> holds -99999999.99 to
/// 99999999.99. Kept as an integer of 10^-Scale, 64 bits wide up to 18 digits and 128 beyond. Sums and differences do
/// not check for overflow.
template <int Precision, int Scale>
struct Decimal {
  static_assert(Precision >= 1 && Precision <= 38, "weir: a Decimal has 1 to 38 digits");
  static_assert(Scale >= 0 && Scale <= Precision, "weir: a Decimal's scale is between 0 and its precision");
  using Units = std::conditional_t<(Precision <= 18), std::int64_t, detail::Int128>;
  static constexpr int kPrecision = Precision;
  static constexpr int kScale = Scale;

  Units units = 0;

  static constexpr Decimal from_units(Units units) { return Decimal{units}; }
  /// A whole number.
  static constexpr Decimal from_integer(std::int64_t whole) {
    return Decimal{static_cast<Units>(whole * static_cast<Units>(detail::power_of_ten(Scale)))};
  }
  /// "12.3", "-0.05", "7". Empty when the text is not such a number or does not fit.
  static std::optional<Decimal> parse(std::string_view text) {
    const auto units = detail::parse_decimal(text, Precision, Scale);
    if (!units) return std::nullopt;
    return Decimal{static_cast<Units>(*units)};
  }
  /// With all digits of the scale: "12.30".
  std::string str() const { return detail::print_decimal(units, Scale); }
  constexpr double to_double() const {
    return static_cast<double>(units) / static_cast<double>(detail::power_of_ten(Scale));
  }

  friend constexpr bool operator==(Decimal a, Decimal b) { return a.units == b.units; }
  friend constexpr std::strong_ordering operator<=>(Decimal a, Decimal b) {
    return a.units < b.units   ? std::strong_ordering::less
           : a.units > b.units ? std::strong_ordering::greater
                               : std::strong_ordering::equal;
  }
  friend constexpr Decimal operator+(Decimal a, Decimal b) { return {static_cast<Units>(a.units + b.units)}; }
  friend constexpr Decimal operator-(Decimal a, Decimal b) { return {static_cast<Units>(a.units - b.units)}; }
  friend constexpr Decimal operator-(Decimal a) { return {static_cast<Units>(-a.units)}; }
  friend constexpr Decimal operator*(Decimal a, std::int64_t factor) { return {static_cast<Units>(a.units * factor)}; }
  constexpr Decimal& operator+=(Decimal other) { return *this = *this + other; }
  constexpr Decimal& operator-=(Decimal other) { return *this = *this - other; }
};

}  // namespace weir
