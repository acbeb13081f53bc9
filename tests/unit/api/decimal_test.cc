#include "weir/decimal.h"

#include <doctest/doctest.h>

using namespace weir;
using Money = Decimal<10, 2>;
using Wide = Decimal<38, 10>;

TEST_CASE("decimal: text goes in and comes out") {
  CHECK(Money::parse("12.3")->units == 1230);
  CHECK(Money::parse("-0.05")->units == -5);
  CHECK(Money::parse("7")->units == 700);
  CHECK(Money::parse("+7.")->units == 700);
  CHECK(Money::parse(".5")->units == 50);
  CHECK(Money::parse("1.500000")->units == 150);
  CHECK(Money::parse("99999999.99")->units == 9'999'999'999);
  CHECK(Money::from_units(1230).str() == "12.30");
  CHECK(Money::from_units(-5).str() == "-0.05");
  CHECK(Money::from_units(0).str() == "0.00");
  CHECK(Decimal<5, 0>::from_units(12).str() == "12");
  CHECK(Decimal<5, 0>::from_units(0).str() == "0");
  CHECK(Wide::parse("-1234567890123456789012345678.0123456789")->str() == "-1234567890123456789012345678.0123456789");
}

TEST_CASE("decimal: what is no number, or does not fit, is refused") {
  for (const char* text :
       {"", "-", ".", "+.", "1.2.3", "12a", " 1", "1 ", "1e3", "0x1", "--1", "1.234", "100000000", "99999999.999"}) {
    CAPTURE(text);
    CHECK_FALSE(Money::parse(text).has_value());
  }
  CHECK_FALSE(Wide::parse("99999999999999999999999999999").has_value());
}

TEST_CASE("decimal: sums and order are exact") {
  Money total;
  for (int i = 0; i < 1000; ++i) total += *Money::parse("0.10");
  CHECK(total.str() == "100.00");
  CHECK(*Money::parse("1.10") < *Money::parse("1.11"));
  CHECK(*Money::parse("2") * 3 == Money::from_integer(6));
  CHECK((-total).str() == "-100.00");
  CHECK(Money::from_units(150).to_double() == 1.5);
}
