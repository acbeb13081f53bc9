#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "weir/connectors/format.h"
#include "weir/decimal.h"
#include "weir/text.h"
#include "weir/time.h"
#include "weir/type_of.h"

using namespace weir;
using namespace weir::connectors;

namespace {

enum class Colour : std::uint8_t { red, green };

struct Flat {
  std::int32_t id = 0;
  std::string name;
  double price = 0;
  bool paid = false;
  std::optional<std::int64_t> parent;
  std::optional<std::string> note;
  EventTime at{};
  Decimal<10, 2> amount;
  Colour colour = Colour::red;
  bool operator==(const Flat&) const = default;
};

struct Point {
  std::int16_t x = 0;
  std::int16_t y = 0;
  bool operator==(const Point&) const = default;
};

struct Deep {
  Point origin;
  std::vector<std::string> tags;
  std::map<std::string, Point> places;
  std::optional<std::vector<std::uint8_t>> bytes;
  bool operator==(const Deep&) const = default;
};

struct View {
  Text text;
  float number = 0;
};

Flat sample() {
  return {.id = -7,
          .name = "a,\"b\"\n",
          .price = 0.1,
          .paid = true,
          .parent = 5,
          .note = "",
          .at = from_ms(1649822402179),
          .amount = Decimal<10, 2>::from_units(-1234),
          .colour = Colour::green};
}

template <class T>
std::string encoded(const FormatPtr& format, const T& record) {
  std::string out;
  format->make_encoder(type_of<T>())->encode(&record, out);
  return out;
}

/// The record, or why there is none.
template <class T>
std::pair<T, std::string> decoded(const FormatPtr& format, std::string_view bytes) {
  T record{};
  std::string reason;
  const auto decoder = format->make_decoder(type_of<T>());
  if (decoder->decode(bytes, &record, reason)) reason.clear();
  return {record, reason};
}

template <class T>
std::string reason(const FormatPtr& format, std::string_view bytes) {
  return decoded<T>(format, bytes).second;
}

}  // namespace

TEST_CASE("json: a record of every scalar reads back as it was written") {
  const std::string text = encoded(json_format(), sample());
  CHECK(text == R"({"id":-7,"name":"a,\"b\"\n","price":0.1,"paid":true,"parent":5,"note":"",)"
                R"("at":"2022-04-13T04:00:02.179Z","amount":-12.34,"colour":1})");
  const auto [record, wrong] = decoded<Flat>(json_format(), text);
  CHECK(wrong == "");
  CHECK(record == sample());
}

TEST_CASE("json: nested records, lists and maps read back as they were written") {
  Deep deep{.origin = {1, -2},
            .tags = {"a", "ü"},
            .places = {{"home", {3, 4}}, {"", {5, 6}}},
            .bytes = std::vector<std::uint8_t>{0, 255}};
  const std::string text = encoded(json_format(), deep);
  CHECK(
      text ==
      R"({"origin":{"x":1,"y":-2},"tags":["a","ü"],"places":{"":{"x":5,"y":6},"home":{"x":3,"y":4}},"bytes":[0,255]})");
  const auto [record, wrong] = decoded<Deep>(json_format(), text);
  CHECK(wrong == "");
  CHECK(record == deep);
}

TEST_CASE("json: fields come in any order, others are passed over, optional ones may be missing or null") {
  const auto [record, wrong] = decoded<Flat>(
      json_format(),
      R"( {"colour":0,"extra":{"a":[1,{"id":9}]},"amount":"7","at":1000,"parent":null,"paid":false,"price":2,)"
      R"("name":"\u00e9\n","id":3} )");
  CHECK(wrong == "");
  CHECK(record.id == 3);
  CHECK(record.name == "é\n");
  CHECK(record.price == 2.0);
  CHECK_FALSE(record.parent.has_value());
  CHECK_FALSE(record.note.has_value());
  CHECK(record.at == from_ms(1000));
  CHECK(record.amount.str() == "7.00");
}

TEST_CASE("json: what an object held before does not show through") {
  const auto decoder = json_format()->make_decoder(type_of<Deep>());
  Deep deep;
  std::string wrong;
  REQUIRE(decoder->decode(R"({"origin":{"x":1,"y":2},"tags":["a","b"],"places":{"p":{"x":1,"y":1}},"bytes":[1]})",
                          &deep, wrong));
  REQUIRE(decoder->decode(R"({"origin":{"x":1,"y":2},"tags":["c"],"places":{}})", &deep, wrong));
  CHECK(deep == Deep{.origin = {1, 2}, .tags = {"c"}, .places = {}, .bytes = {}});
}

TEST_CASE("json: each broken record has a reason that names the field") {
  const FormatPtr json = json_format();
  const std::string point = R"({"x":1,"y":2})";
  CHECK(reason<Point>(json, point) == "");
  CHECK(reason<Point>(json, "") == "the record is empty");
  CHECK(reason<Point>(json, "  ") == "the record is empty");
  CHECK(reason<Point>(json, "[1]") == "the record is no JSON object");
  CHECK(reason<Point>(json, "7") == "the record is no JSON object");
  CHECK(reason<Point>(json, "\xff{") == "the record is not UTF-8");
  CHECK_FALSE(reason<Point>(json, point + "x").empty());
  CHECK(reason<Point>(json, point + point) == "something follows the JSON object");
  CHECK(reason<Point>(json, R"({"x":1})") == "field 'y' is missing");
  CHECK(reason<Point>(json, R"({"x":1,"y":null})") == "field 'y': expected a whole number");
  CHECK(reason<Point>(json, R"({"x":1,"y":2.5})") == "field 'y': expected a whole number");
  CHECK(reason<Point>(json, R"({"x":1,"y":"2"})") == "field 'y': expected a whole number");
  CHECK(reason<Point>(json, R"({"x":40000,"y":2})") == "field 'x': expected a smaller whole number");
  CHECK(reason<Point>(json, R"({"x":-40000,"y":2})") == "field 'x': expected a smaller whole number");
  CHECK(reason<Point>(json, R"({"x":1,"y":2)").find("malformed") != std::string::npos);
  CHECK(reason<Point>(json, R"({"x":1 "y":2})").find("malformed") != std::string::npos);
  CHECK_FALSE(reason<Point>(json, R"({"x":})").empty());
  CHECK_FALSE(reason<Point>(json, R"({"x)").empty());
  const std::string rest = R"(,"paid":true,"at":0,"amount":1,"colour":0})";
  CHECK(reason<Flat>(json, R"({"id":1,"name":5,"price":1)" + rest) == "field 'name': expected a string");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"\ud800","price":1)" + rest) == "field 'name': expected a string");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"a","price":"1")" + rest) == "field 'price': expected a number");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"a","price":1,"paid":1,"at":0,"amount":1,"colour":0})") ==
        "field 'paid': expected true or false");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"a","price":1,"paid":true,"at":"soon","amount":1,"colour":0})") ==
        "field 'at': expected a time as ISO 8601 or in milliseconds since 1970");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"a","price":1,"paid":true,"at":0,"amount":1.234,"colour":0})") ==
        "field 'amount': expected a decimal number that fits");
  CHECK(reason<Flat>(json, R"({"id":1,"name":"a","price":1,"paid":true,"at":0,"amount":1,"colour":300})") ==
        "field 'colour': expected a smaller whole number");
  CHECK(reason<Deep>(json, R"({"origin":{"x":1},"tags":[],"places":{}})") == "field 'y' is missing");
  CHECK(reason<Deep>(json, R"({"origin":1,"tags":[],"places":{}})") == "field 'origin': expected an object");
  CHECK(reason<Deep>(json, R"({"origin":{"x":1,"y":1},"tags":"a","places":{}})") == "field 'tags': expected an array");
  CHECK(reason<Deep>(json, R"({"origin":{"x":1,"y":1},"tags":[1],"places":{}})") == "field 'tags': expected a string");
  CHECK(reason<Deep>(json, R"({"origin":{"x":1,"y":1},"tags":[],"places":[]})") ==
        "field 'places': expected an object");
}

TEST_CASE("json: text that is not UTF-8 is written with U+FFFD, and control characters are escaped") {
  const View view{.text = Text("a\xff\x01\x7f\xe6\xb5 b\\"), .number = 0};
  CHECK(encoded(json_format(), view) ==
        "{\"text\":\"a\xEF\xBF\xBD\\u0001\x7f\xEF\xBF\xBD\xEF\xBF\xBD b\\\\\",\"number\":0}");
}

TEST_CASE("json: numbers that JSON does not have are null") {
  CHECK(encoded(json_format(), View{.text = Text(""), .number = std::numeric_limits<float>::infinity()}) ==
        R"({"text":"","number":null})");
  CHECK(encoded(json_format(), View{.text = Text(""), .number = NAN}) == R"({"text":"","number":null})");
}

TEST_CASE("json: any mutation of a record is a record or has a reason") {
  const std::string texts[] = {
      encoded(json_format(), sample()),
      encoded(json_format(), Deep{.origin = {1, 2}, .tags = {"a"}, .places = {{"p", {1, 2}}}, .bytes = {}})};
  const auto flat = json_format()->make_decoder(type_of<Flat>());
  const auto deep = json_format()->make_decoder(type_of<Deep>());
  for (std::uint32_t seed = 1; seed <= 4000; ++seed) {
    std::mt19937 random(seed);
    std::string text = texts[random() % 2];
    for (std::uint32_t changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      if (random() % 2)
        text[at] = "{}[]\",:0ne\\\xff"[random() % 12];
      else if (random() % 2)
        text.erase(at, 1 + random() % 5);
      else
        text.resize(at);
    }
    CAPTURE(seed);
    Flat first;
    Deep second;
    std::string wrong;
    if (!flat->decode(text, &first, wrong)) CHECK_FALSE(wrong.empty());
    if (!deep->decode(text, &second, wrong)) CHECK_FALSE(wrong.empty());
  }
}

TEST_CASE("csv: a record of every scalar reads back as it was written") {
  const std::string text = encoded(csv_format(), sample());
  CHECK(text == "-7,\"a,\"\"b\"\"\n\",0.1,true,5,\"\",2022-04-13T04:00:02.179Z,-12.34,1");
  const auto [record, wrong] = decoded<Flat>(csv_format(), text);
  CHECK(wrong == "");
  CHECK(record == sample());
}

TEST_CASE("csv: an empty field is none where the field is optional, and empty text where it is text") {
  const auto [record, wrong] = decoded<Flat>(csv_format(), "1,,2,0,,,1000,3.5,0");
  CHECK(wrong == "");
  CHECK(record.name == "");
  CHECK_FALSE(record.parent.has_value());
  CHECK_FALSE(record.note.has_value());
  CHECK(encoded(csv_format(), record) == "1,,2,false,,,1970-01-01T00:00:01.000Z,3.50,0");
}

TEST_CASE("csv: columns of a header are matched by name") {
  const auto decoder = csv_format({.header = true})->make_decoder(type_of<Point>());
  Point point;
  std::string wrong;
  REQUIRE(decoder->begin("y,\"other\",x").ok());
  REQUIRE(decoder->decode("2,\"a,b\",1", &point, wrong));
  CHECK(point == Point{1, 2});
  CHECK(decoder->begin("y,z").error().message == "the header of the CSV file has no column 'x'");
  CHECK(decoder->begin("\"y,z").error().message == "the header of the CSV file: a quoted field is not closed");
  CHECK(csv_format({.header = true})->make_encoder(type_of<Point>())->header() == "x,y");
}

TEST_CASE("csv: each broken record has a reason") {
  const FormatPtr csv = csv_format();
  CHECK(reason<Point>(csv, "1,2") == "");
  CHECK(reason<Point>(csv, "\"1\",\"2\"") == "");
  CHECK(reason<Point>(csv, "") == "2 fields were expected, there are 1");
  CHECK(reason<Point>(csv, "1") == "2 fields were expected, there are 1");
  CHECK(reason<Point>(csv, "1,2,") == "2 fields were expected, there are 3");
  CHECK(reason<Point>(csv, "1,x") == "field 'y': expected a whole number of 16 bits");
  CHECK(reason<Point>(csv, "1, 2") == "field 'y': expected a whole number of 16 bits");
  CHECK(reason<Point>(csv, "1,40000") == "field 'y': expected a whole number of 16 bits");
  CHECK(reason<Point>(csv, "1,\"2") == "a quoted field is not closed");
  CHECK(reason<Point>(csv, "1,\"2\"3") == "something follows the quote that closes a field");
  CHECK(reason<Point>(csv, "1,2\"") == "a quote stands inside a field that does not begin with one");
  CHECK(reason<Point>(csv_format({.delimiter = ';'}), "1;2") == "");
}

TEST_CASE("csv: quoted fields may hold line ends, so the record ends at the first one outside quotes") {
  const auto boundary = csv_format()->make_boundary();
  CHECK_FALSE(boundary->splittable());
  const std::string file = "1,\"a\nb\"\"\n\"\n2,c\n";
  CHECK(boundary->find_start(file, 0, RecordBoundary::From::record, true).start == 11);
  CHECK(boundary->find_start(file, 11, RecordBoundary::From::record, true).start == RecordBoundary::npos);
  CHECK(csv_format({.quotes_over_lines = false})->make_boundary()->splittable());
}

TEST_CASE("raw: the bytes are the record") {
  CHECK(decoded<std::string>(raw_format(), "a\xff").first == "a\xff");
  CHECK(encoded(raw_format(), std::string("a\xff")) == "a\xff");
  struct Line {
    std::string line;
  };
  CHECK(decoded<Line>(raw_format(), "x").first.line == "x");
}

TEST_CASE("formats: a type that does not fit is refused with a sentence") {
  CHECK(raw_format()->check(type_of<Text>()).ok());
  CHECK(raw_format()->check(type_of<Point>()).error().message.find("the raw format has no fields") == 0);
  CHECK(csv_format()->check(type_of<Flat>()).ok());
  CHECK(csv_format()->check(type_of<Deep>()).error().message.find("field 'origin'") != std::string::npos);
  CHECK_FALSE(csv_format()->check(type_of<Text>()).ok());
  CHECK_FALSE(json_format()->check(type_of<std::string>()).ok());
  CHECK(readable_format(type_of<Text>())->name() == "raw");
  CHECK(readable_format(type_of<Point>())->name() == "json");
}
