#include "weir/row_codec.h"

#include <doctest/doctest.h>

#include "tests/support/heap_pool.h"
#include "tests/unit/api/records.h"

using namespace weir;
using namespace weir::test;

namespace {

template <class T>
struct Filled {
  HeapPool pool;
  Block* block;
  Filled() : block(pool.take(kBlockCapacity)) { block->reset(RowCodec<T>::layout(), 0); }
  ~Filled() { pool.give(block); }
};

struct WithOptionals {
  std::optional<Text> name;
  std::uint8_t byte = 0;
  std::optional<Point> point;
};

}  // namespace

TEST_CASE("row_codec: a plain struct lies in the block as it is and is read in place") {
  CHECK(RowCodec<Point>::kPlain);
  CHECK(RowCodec<Point>::kStride == sizeof(Point));
  CHECK(RowCodec<Point>::layout().bool_bytes == std::vector<std::uint32_t>{16});
  Filled<Point> filled;
  REQUIRE(RowCodec<Point>::append({3, 1.5, true}, *filled.block));
  Point scratch;
  const Point& row = RowCodec<Point>::read(*filled.block, 0, scratch);
  CHECK(&row != &scratch);
  CHECK(row == Point{3, 1.5, true});
}

TEST_CASE("row_codec: texts of a record become views into the block") {
  CHECK_FALSE(RowCodec<Bid>::kPlain);
  CHECK(RowCodec<Bid>::kStride == 4 * 8 + 3 * 8);
  CHECK(RowCodec<Bid>::layout().text_refs == std::vector<std::uint32_t>{32, 40, 48});
  Filled<Bid> filled;
  const std::string url(100, 'u');
  for (std::int64_t i = 0; i < 10; ++i) {
    const std::string channel = std::string(static_cast<std::size_t>(i) * 3, static_cast<char>('a' + i));
    REQUIRE(RowCodec<Bid>::append({i, 2, 3, 4, Text::borrow(channel), Text::borrow(url), "x"}, *filled.block));
  }
  CHECK(filled.block->rows == 10);
  for (std::uint32_t i = 0; i < 10; ++i) {
    const Bid row = RowCodec<Bid>::read(*filled.block, i);
    CHECK(row.auction == i);
    CHECK(row.channel == std::string(std::size_t{i} * 3, static_cast<char>('a' + i)));
    CHECK(row.url == url);
    CHECK(row.extra == "x");
    CHECK(row.url.data() > reinterpret_cast<const char*>(filled.block));
  }
}

TEST_CASE("row_codec: every kind of value comes back from a row") {
  Filled<Everything> block;
  std::int64_t seed = 0;
  while (RowCodec<Everything>::append(filled(seed), *block.block)) ++seed;
  CHECK(seed > 50);
  CHECK(block.block->rows == seed);
  Everything scratch;
  for (std::int64_t i = 0; i < seed; ++i) {
    CAPTURE(i);
    CHECK(RowCodec<Everything>::read(*block.block, static_cast<std::uint32_t>(i), scratch) == filled(i));
  }
}

TEST_CASE("row_codec: numbers and strings are rows of their own") {
  Filled<std::int64_t> numbers;
  REQUIRE(RowCodec<std::int64_t>::append(-5, *numbers.block));
  std::int64_t number = 0;
  CHECK(RowCodec<std::int64_t>::read(*numbers.block, 0, number) == -5);
  Filled<std::string> strings;
  REQUIRE(RowCodec<std::string>::append("five", *strings.block));
  CHECK(RowCodec<std::string>::read(*strings.block, 0) == "five");
  Filled<std::pair<std::string, std::int32_t>> pairs;
  REQUIRE(RowCodec<std::pair<std::string, std::int32_t>>::append({"a", 7}, *pairs.block));
  CHECK(RowCodec<std::pair<std::string, std::int32_t>>::read(*pairs.block, 0) ==
        std::pair<std::string, std::int32_t>("a", 7));
}

TEST_CASE("row_codec: an empty optional leaves nothing of an earlier one") {
  Filled<WithOptionals> filled;
  REQUIRE(RowCodec<WithOptionals>::append({Text("name"), 1, Point{1, 2, true}}, *filled.block));
  REQUIRE(RowCodec<WithOptionals>::append({std::nullopt, 2, std::nullopt}, *filled.block));
  WithOptionals scratch;
  CHECK(RowCodec<WithOptionals>::read(*filled.block, 0, scratch).name->view() == "name");
  const WithOptionals& second = RowCodec<WithOptionals>::read(*filled.block, 1, scratch);
  CHECK_FALSE(second.name.has_value());
  CHECK_FALSE(second.point.has_value());
  CHECK(second.byte == 2);
}

TEST_CASE("row_codec: a row that does not fit leaves the block as it was") {
  Filled<std::string> filled;
  const std::string half(kBlockCapacity / 2, 'h');
  REQUIRE(RowCodec<std::string>::append(half, *filled.block));
  const Block before = *filled.block;
  CHECK_FALSE(RowCodec<std::string>::append(half, *filled.block));
  CHECK(filled.block->rows == before.rows);
  CHECK(filled.block->text_bytes == before.text_bytes);
  CHECK(filled.block->fixed_bytes == before.fixed_bytes);
}

TEST_CASE("row_codec: a block holds 1,024 rows at most") {
  Filled<std::uint8_t> filled;
  for (std::uint32_t i = 0; i < kBlockRowsMax; ++i) REQUIRE(RowCodec<std::uint8_t>::append(1, *filled.block));
  CHECK_FALSE(RowCodec<std::uint8_t>::append(1, *filled.block));
}

TEST_CASE("row_codec: a list whose bytes mean nothing is a CorruptRow") {
  Filled<std::vector<std::string>> filled;
  REQUIRE(RowCodec<std::vector<std::string>>::append({"a", "b"}, *filled.block));
  *(filled.block->end() - 4) = 0x7f;  // the first element's length
  CHECK_THROWS_AS(RowCodec<std::vector<std::string>>::read(*filled.block, 0), CorruptRow);
}

TEST_CASE("row_codec: texts of every length up to 64 are copied whole and nothing beside them") {
  for (std::size_t length = 0; length <= 64; ++length) {
    std::string from(length, '\0');
    for (std::size_t i = 0; i < length; ++i) from[i] = static_cast<char>(i + 1);
    std::vector<std::uint8_t> to(length + 2, 0xEE);
    detail::copy_text(to.data() + 1, from.data(), length);
    CHECK(to.front() == 0xEE);
    CHECK(to.back() == 0xEE);
    CHECK(std::string(to.begin() + 1, to.end() - 1) == from);
  }
}
