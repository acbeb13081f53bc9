#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/unit/api/records.h"
#include "weir/testing.h"

using namespace weir;
using namespace weir::test;
using weir::testing::OperatorHarness;
using weir::testing::Timed;

namespace {

Bid bid(std::int64_t auction, std::int64_t price, std::string_view url = "") {
  Bid made;
  made.auction = auction;
  made.price = price;
  made.url = Text::borrow(url);
  return made;
}

struct Priced {
  std::int64_t auction = 0;
  std::int64_t price = 0;
  friend bool operator==(const Priced&, const Priced&) = default;
};

const OutputTag<std::string> kLate{"late"};

/// Opened once, closed once, and counts what it sees.
struct Rich {
  std::shared_ptr<std::vector<std::string>> calls;
  Counter* seen = nullptr;
  void open(RuntimeContext& context) {
    calls->push_back("open " + std::string(context.operator_name()));
    seen = &context.counter("seen");
  }
  std::int64_t operator()(const std::int64_t& value) {
    seen->add(1);
    return value + 1;
  }
  void close() { calls->push_back("close"); }
};

}  // namespace

TEST_CASE("map: makes one record of each, in order, from any shape to any other") {
  OperatorHarness<Bid, Priced> harness([](DataStream<Bid> bids) {
    return bids.map([](const Bid& b) { return Priced{b.auction, b.price * 2}; });
  });
  harness.push_all({bid(1, 10), bid(2, 20)});
  CHECK(harness.take() == std::vector<Priced>{{1, 20}, {2, 40}});
  CHECK(harness.take().empty());
}

TEST_CASE("map: texts pass through, and new ones come from the context") {
  OperatorHarness<Bid, Bid> harness([](DataStream<Bid> bids) {
    return bids.map([](const Bid& b, RuntimeContext& context) {
      Bid made = b;
      made.extra = context.text("seen " + b.url.str());
      return made;
    });
  });
  harness.push_all({bid(1, 1, "a-long-url-that-is-no-short-string"), bid(2, 1, "b")});
  const auto out = harness.take();
  CHECK(out[0].url == "a-long-url-that-is-no-short-string");
  CHECK(out[0].extra == "seen a-long-url-that-is-no-short-string");
  CHECK(out[1].extra == "seen b");
}

TEST_CASE("map, filter, flat_map: times of rows pass through") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.map(
                      [](std::int64_t n) {
      return n * 10;
    }).filter([](std::int64_t n) {
        return n != 20;
      }).flat_map([](const std::int64_t& n, Collector<std::int64_t>& out) {
      out.collect(n);
      out.collect(n + 1);
    });
  });
  for (std::int64_t n = 1; n <= 3; ++n) harness.push(n, from_ms(100 + n));
  CHECK(harness.take_timed() == std::vector<Timed<std::int64_t>>{
                                    {10, from_ms(101)}, {11, from_ms(101)}, {30, from_ms(103)}, {31, from_ms(103)}});
}

TEST_CASE("filter: keeps some rows, all rows, no rows, and filters a selection again") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.filter([](std::int64_t n) { return n % 2 == 0; }).filter([](std::int64_t n) { return n % 3 == 0; });
  });
  harness.push_all({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  harness.push_all({1, 3, 5});
  harness.push_all({6, 12});
  CHECK(harness.take() == std::vector<std::int64_t>{6, 12, 6, 12});
}

TEST_CASE("map: functions may be member pointers, and own what they capture") {
  std::string suffix = "!";
  OperatorHarness<Point, std::string> harness([&](auto points) {
    return points.map(&Point::x).map([suffix](std::int32_t x) { return std::to_string(x) + suffix; });
  });
  harness.push({7, 0, false});
  CHECK(harness.take() == std::vector<std::string>{"7!"});
}

TEST_CASE("flat_map: a generic lambda names its output") {
  OperatorHarness<std::string, std::string> harness([](auto lines) {
    return lines.template flat_map<std::string>([](const auto& line, auto& out) {
      for (const char c : line) out.collect(std::string(1, c));
    });
  });
  harness.push("abc");
  CHECK(harness.take() == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("map: a rich function is opened and closed with its operator") {
  auto calls = std::make_shared<std::vector<std::string>>();
  {
    OperatorHarness<std::int64_t, std::int64_t> harness(
        [&](auto numbers) { return numbers.map(Rich{calls}).name("plus one"); });
    harness.push_all({1, 2});
    CHECK(harness.take() == std::vector<std::int64_t>{2, 3});
    CHECK(harness.counter("seen") == 2);
  }
  CHECK(*calls == std::vector<std::string>{"open plus one", "close"});
}

TEST_CASE("map: what a function throws comes out, and nothing is lost or leaked") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.map([](std::int64_t n) {
      if (n == 3) throw std::runtime_error("three");
      return n;
    });
  });
  CHECK_THROWS_WITH(harness.push_all({1, 2, 3}), "three");
}

TEST_CASE("process: side outputs, times and the watermark") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.process([](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>& out) {
      if (context.timestamp() <= context.watermark()) {
        context.output(kLate, "late " + std::to_string(n));
      } else {
        out.collect(n);
      }
    });
  });
  harness.watch_side(kLate);
  harness.push(1, from_ms(10));
  harness.watermark(from_ms(20));
  harness.push(2, from_ms(15));
  harness.push(3, from_ms(25));
  CHECK(harness.take() == std::vector<std::int64_t>{1, 3});
  CHECK(harness.take_side(kLate) == std::vector<std::string>{"late 2"});
}

TEST_CASE("process: a side output that nobody reads is dropped") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.process([](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>& out) {
      context.output(kLate, std::string("x"));
      out.collect(n);
    });
  });
  harness.push(1);
  CHECK(harness.take() == std::vector<std::int64_t>{1});
}

TEST_CASE("process: the tag of a side output may be made anew for each record") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.process([](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>&) {
      context.output(OutputTag<std::string>(n % 2 == 0 ? "late" : "unread"), std::to_string(n));
    });
  });
  harness.watch_side(kLate);
  std::vector<std::string> expected;
  for (std::int64_t n = 0; n < 300; ++n) {
    harness.push(n);
    if (n % 2 == 0) expected.push_back(std::to_string(n));
  }
  CHECK(harness.take_side(kLate) == expected);
}

TEST_CASE("process: a side output written with another type than it is read with is refused") {
  OperatorHarness<std::int64_t, std::int64_t> harness([](auto numbers) {
    return numbers.process([](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>&) {
      context.output(OutputTag<std::int64_t>("late"), n);
    });
  });
  harness.watch_side(kLate);
  CHECK_THROWS_WITH(harness.push(1), "side output \"late\" is read as string and written as int64");
}

TEST_CASE("union_with: both streams arrive, and the watermark is the slower one's") {
  OperatorHarness<std::int64_t, std::string> harness([](DataStream<std::int64_t> numbers) {
    auto even = numbers.filter([](std::int64_t n) { return n % 2 == 0; });
    auto odd = numbers.filter([](std::int64_t n) { return n % 2 != 0; }).map([](std::int64_t n) { return -n; });
    return even.union_with(odd).map([](const std::int64_t& n, RuntimeContext& context) {
      return std::to_string(n) + "@" + std::to_string(to_ms(context.watermark()));
    });
  });
  harness.watermark(from_ms(5));
  harness.push_all({1, 2});
  CHECK(harness.take() == std::vector<std::string>{"2@5", "-1@5"});
}

TEST_CASE("operators: all blocks are back when the harness has closed") {
  OperatorHarness<Everything, Everything> harness([](auto stream) {
    return stream.map([](const Everything& e) { return e; }).filter([](const Everything& e) { return e.flag; });
  });
  std::vector<Everything> values;
  for (std::int64_t i = 0; i < 500; ++i) values.push_back(filled(i));
  harness.push_all(values);
  const auto out = harness.take();
  CHECK(out.size() == 250);
  CHECK(out[3] == filled(6));
}
