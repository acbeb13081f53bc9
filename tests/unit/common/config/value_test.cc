#include "common/config/value.h"

#include <doctest/doctest.h>

#include <random>

#include "common/config/words.h"
#include "tests/support/seed.h"

using namespace weir::config;
using namespace std::chrono_literals;
using weir::ByteCount;

TEST_CASE("duration: Flink's forms are read") {
  struct Case {
    const char* text;
    Duration expected;
  };
  // clang-format off
  const Case cases[] = {
      {"0", 0ns},          {"100", 100ms},        {"1 ms", 1ms},         {"1ms", 1ms},       {"  7   s ", 7s},
      {"5 min", 5min},     {"5m", 5min},          {"2 h", 2h},           {"1 d", 24h},       {"3 days", 72h},
      {"1 hour", 1h},      {"90 SECONDS", 90s},   {"1 Sec", 1s},         {"20 us", 20us},    {"20 µs", 20us},
      {"15 micros", 15us}, {"9 nanoseconds", 9ns}, {"2 milliseconds", 2ms}, {"1 minute", 1min},
      {"106751 d", 24h * 106751},
  };
  // clang-format on
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(parse_duration(one.text) == one.expected);
  }
}

TEST_CASE("duration: what is no duration is refused") {
  for (const char* text :
       {"", " ", "s", "-1 s", "+1 s", "1.5 s", "1 fortnight", "1 s 2", "1 ss", "0x10 ms", "1 dayss", "1e3", "106752 d",
        "9223372036854775808", "99999999999999999999 ns", "1 s\n2 s", "forever", "1 month"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("duration: text of a random span reads back as it") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937_64 random(weir::test::seed());
  for (int i = 0; i < 500; ++i) {
    Duration span(static_cast<std::int64_t>(random() >> (1 + random() % 63)));
    CHECK(parse_duration(to_text(span)) == span);
  }
  CHECK(to_text(60s) == "1 min");
  CHECK(to_text(1500ms) == "1500 ms");
  CHECK(to_text(0s) == "0 ms");
}

TEST_CASE("memory size: Flink's forms are read") {
  struct Case {
    const char* text;
    std::uint64_t bytes;
  };
  const Case cases[] = {{"0", 0},
                        {"104857600", 104857600},
                        {"1728m", 1728LL << 20},
                        {"1 gb", 1LL << 30},
                        {"4 G", 4LL << 30},
                        {"32 kb", 32 << 10},
                        {"10485760b", 10485760},
                        {"7 bytes", 7},
                        {"2 kibibytes", 2048},
                        {"1 Mebibytes", 1 << 20},
                        {"3 gibibytes", 3LL << 30},
                        {"8388607 tb", 8388607LL << 40},
                        {"1 t", 1LL << 40}};
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(parse_memory_size(one.text) == ByteCount(one.bytes));
  }
}

TEST_CASE("memory size: what is none is refused") {
  for (const char* text : {"", "m", "-1m", "+1m", "1.5g", "12 giga", "1 kib", "8388608 tb", "9223372036854775808",
                           "1 gb 2", "0x10", "1 pb", "infinite", "1,000 mb"}) {
    INFO(text);
    CHECK_FALSE(parse_memory_size(text).has_value());
  }
}

TEST_CASE("memory size: text of a random size reads back as it") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937_64 random(weir::test::seed());
  for (int i = 0; i < 500; ++i) {
    ByteCount size(random() >> (1 + random() % 63));
    CHECK(parse_memory_size(to_text(size)) == size);
  }
  CHECK(to_text(ByteCount::mib(64)) == "64 mb");
  CHECK(to_text(ByteCount::kib(1500)) == "1500 kb");
}

TEST_CASE("ports: numbers and ranges are read in the order written") {
  auto ports = [](const char* text) { return parse_port_range(text)->ports(); };
  CHECK(ports("0") == std::vector<std::uint16_t>{0});
  CHECK(ports(" 6124 ") == std::vector<std::uint16_t>{6124});
  CHECK(ports("50102-50104, 50100,0") == std::vector<std::uint16_t>{50102, 50103, 50104, 50100, 0});
  CHECK(ports("65535-65535") == std::vector<std::uint16_t>{65535});
  CHECK(to_text(*parse_port_range("1 - 3 , 7")) == "1-3,7");
}

TEST_CASE("ports: what is none is refused") {
  for (const char* text : {"", ",", "1,", "65536", "-1", "3-1", "1-", "-", "a", "1-2-3", "1;2", "80 81", "1-65536"}) {
    INFO(text);
    CHECK_FALSE(parse_port_range(text).has_value());
  }
}

TEST_CASE("values: booleans, numbers and enums are read as Flink reads them") {
  CHECK(Value<bool>::parse("TRUE") == true);
  CHECK(Value<bool>::parse("false") == false);
  for (const char* text : {"", "yes", "on", "1", "true "}) CHECK_FALSE(Value<bool>::parse(text).has_value());
  CHECK(Value<int>::parse("-7") == -7);
  CHECK(Value<int>::parse("+7") == 7);
  for (const char* text : {"", "7x", "2147483648", "+-7", "1.0", "--7", "0x1", " 7"})
    CHECK_FALSE(Value<int>::parse(text).has_value());
  CHECK(Value<double>::parse("0.25") == 0.25);
  CHECK(Value<double>::parse("1e-1") == 0.1);
  for (const char* text : {"", "nan", "inf", "1,5", "1.0f", "0.1%"})
    CHECK_FALSE(Value<double>::parse(text).has_value());
}

TEST_CASE("values: lists are read with semicolons, quotes and brackets") {
  CHECK(Value<List>::parse("") == List{});
  CHECK(Value<List>::parse("a;b ; c") == List{"a", "b", "c"});
  CHECK(Value<List>::parse("'a;b';c") == List{"a;b", "c"});
  CHECK(Value<List>::parse("\"it''s\";'it''s'") == List{"it''s", "it's"});
  CHECK(Value<List>::parse("[a, 'b, c', \"d\"]") == List{"a", "b, c", "d"});
  CHECK(Value<List>::parse("[]") == List{});
  for (const char* text : {"'a", "'a'b", "[a", "[a]b", "[[a], b]", "[{a: b}]", "\"a;b"}) {
    INFO(text);
    CHECK_FALSE(Value<List>::parse(text).has_value());
  }
}

TEST_CASE("values: maps are read with pairs, quotes and braces") {
  CHECK(Value<Map>::parse("") == Map{});
  CHECK(Value<Map>::parse("a:1, b : 2") == Map{{"a", "1"}, {"b", "2"}});
  CHECK(Value<Map>::parse("url:http://x:80/") == Map{{"url", "http://x:80/"}});
  CHECK(Value<Map>::parse("'a,b':'c:d'") == Map{{"a,b", "c:d"}});
  CHECK(Value<Map>::parse("{a: 1, 'b c': x}") == Map{{"a", "1"}, {"b c", "x"}});
  for (const char* text : {"a", "a:1,b", ":1", "a:1,a:2", "{a: 1, a: 2}", "{a: [1]}", "{a", "'a:1", "a:1,,b:2"}) {
    INFO(text);
    CHECK_FALSE(Value<Map>::parse(text).has_value());
  }
}

TEST_CASE("values: random text is read or refused by every type without harm") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937 random(weir::test::seed());
  for (int i = 0; i < 2000; ++i) {
    std::string text = weir::test::random_text(random, 24, "0123456789 -+,:;'\"[]{}abmsk&*#!|>\n\\");
    INFO(text);
    (void)Value<bool>::parse(text);
    (void)Value<int>::parse(text);
    (void)Value<double>::parse(text);
    (void)Value<List>::parse(text);
    (void)Value<Map>::parse(text);
    if (auto ports = parse_port_range(text)) CHECK(parse_port_range(to_text(*ports)) == ports);
    if (auto span = parse_duration(text)) CHECK(parse_duration(to_text(*span)) == span);
    if (auto size = parse_memory_size(text)) CHECK(parse_memory_size(to_text(*size)) == size);
  }
}

TEST_CASE("words: a quoted text is short and has no control characters") {
  CHECK(in_quotes("a\nb") == "\"a\\nb\"");
  CHECK(in_quotes(std::string(200, 'x')).size() == 85);
}
