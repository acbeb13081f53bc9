#include "weir/collector.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "tests/support/heap_pool.h"
#include "tests/unit/api/records.h"

using namespace weir;
using namespace weir::test;

namespace {

/// Keeps what was emitted as strings and times; takes blocks when told to.
struct StringOutput final : Output {
  std::vector<std::string> rows;
  std::vector<std::int64_t> times;
  std::vector<std::uint32_t> capacities;
  std::vector<Block*> kept;
  std::uint32_t side = 0;
  int batches = 0;
  bool take = false;

  void emit(Batch& batch) override {
    ++batches;
    capacities.push_back(batch.block().capacity);
    batch.for_each_row([&](std::uint32_t row) {
      rows.push_back(RowCodec<std::string>::read(batch.block(), row));
      times.push_back(batch.timestamp_ms(row));
    });
    if (take) kept.push_back(batch.take());
  }
  void emit_side(std::uint32_t index, Batch& batch) override {
    side = index;
    emit(batch);
  }
  void emit_watermark(EventTime) override {}
};

/// So wide that a block is full before it has its most rows.
struct Wide {
  std::int64_t number = 0;
  std::int64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0;
};

/// Keeps the numbers, and looks whether the rows lie within their block.
struct WideOutput final : Output {
  std::vector<std::int64_t> numbers;
  bool within = true;
  void emit(Batch& batch) override {
    const Block& block = batch.block();
    within = within && Block::prefix_bytes(block.flags) + block.rows * sizeof(Wide) <= block.capacity;
    batch.for_each_row([&](std::uint32_t row) {
      Wide scratch;
      numbers.push_back(RowCodec<Wide>::read(block, row, scratch).number);
    });
  }
  void emit_side(std::uint32_t, Batch&) override {}
  void emit_watermark(EventTime) override {}
};

constexpr std::uint32_t kRecordMax = 1u << 20;

}  // namespace

TEST_CASE("collector: rows come out at flush and when a block is full, in order") {
  HeapPool pool;
  StringOutput output;
  {
    Collector<std::string> collector(pool, kRecordMax);
    collector.bind(output);
    for (int i = 0; i < 3000; ++i) collector.collect(std::to_string(i));
    CHECK(output.rows.size() == 2048);
    CHECK(collector.rows() == 952);
    collector.flush();
    collector.flush();
    CHECK(output.batches == 3);
    CHECK(output.rows.size() == 3000);
    CHECK(output.rows[2999] == "2999");
    CHECK(pool.out() == 1);
  }
  CHECK(pool.out() == 0);
}

TEST_CASE("collector: records of numbers only fill a block to its end and not beyond, with and without times") {
  static_assert(RowCodec<Wide>::kPlain);
  for (const bool timed : {false, true}) {
    HeapPool pool;
    WideOutput output;
    std::vector<std::int64_t> expected;
    Collector<Wide> collector(pool, kRecordMax);
    collector.bind(output);
    for (std::int64_t i = 0; i < 3000; ++i) {
      expected.push_back(i);
      if (timed) {
        collector.collect(Wide{.number = i}, from_ms(i));
      } else {
        collector.collect(Wide{.number = i});
      }
    }
    collector.flush();
    CHECK(output.within);
    CHECK(output.numbers == expected);
  }
  HeapPool pool;
  WideOutput output;
  Collector<Wide> narrow(pool, sizeof(Wide) - 1);
  narrow.bind(output);
  CHECK_THROWS_AS(narrow.collect(Wide{}), RecordTooLarge);
  CHECK_THROWS_AS(narrow.collect(Wide{}), RecordTooLarge);
}

TEST_CASE("collector: goes on with another block when its own is taken") {
  HeapPool pool;
  StringOutput output;
  output.take = true;
  {
    Collector<std::string> collector(pool, kRecordMax);
    collector.bind(output);
    for (int i = 0; i < 2; ++i) {
      collector.collect("kept");
      collector.flush();
    }
  }
  CHECK(output.kept.size() == 2);
  CHECK(output.kept[0] != output.kept[1]);
  CHECK(pool.out() == 2);
  for (Block* block : output.kept) pool.give(block);
}

TEST_CASE("collector: a row larger than a block gets a block of its own size, which is not kept") {
  HeapPool pool;
  StringOutput output;
  Collector<std::string> collector(pool, kRecordMax);
  collector.bind(output);
  collector.collect("before");
  const std::string large(300'000, 'L');
  collector.collect(large);
  collector.flush();
  collector.collect("after");
  collector.flush();
  CHECK(output.rows == std::vector<std::string>{"before", large, "after"});
  CHECK(output.capacities[0] == kBlockCapacity);
  CHECK(output.capacities[1] > 300'000);
  CHECK(output.capacities[2] == kBlockCapacity);
  CHECK(pool.out() == 1);
}

TEST_CASE("collector: a row beyond the limit is refused and the collector goes on") {
  HeapPool pool;
  StringOutput output;
  Collector<std::string> collector(pool, 1000);
  collector.bind(output);
  collector.collect("before");
  const std::string large(1000, 'L');
  CHECK_FALSE(collector.fits(large));
  CHECK_THROWS_AS(collector.collect(large), RecordTooLarge);
  collector.collect("after");
  collector.flush();
  CHECK(output.rows == std::vector<std::string>{"before", "after"});
}

TEST_CASE("collector: rows have the times they were given, and those before them none") {
  HeapPool pool;
  StringOutput output;
  Collector<std::string> collector(pool, kRecordMax);
  collector.bind(output);
  collector.collect("untimed");
  collector.collect("five", from_ms(5));
  collector.collect("untimed again");
  collector.flush();
  CHECK(output.batches == 2);
  CHECK(output.times == std::vector<std::int64_t>{INT64_MIN, 5, INT64_MIN});
}

TEST_CASE("collector: rows made from a batch inherit time and kind of its rows") {
  HeapPool pool;
  StringOutput output;
  Block* block = pool.take(kBlockCapacity);
  block->reset(RowCodec<std::int64_t>::layout(), kBlockTimestamps | kBlockRowKinds);
  for (std::int64_t i = 0; i < 3; ++i) {
    block->timestamps()[i] = 100 + i;
    block->row_kinds()[i] = RowKind::erase;
    REQUIRE(RowCodec<std::int64_t>::append(i, *block));
  }
  Collector<std::string> collector(pool, kRecordMax);
  Batch batch(block);
  collector.begin(batch, output);
  CHECK(collector.inherits());
  batch.for_each_row([&](std::uint32_t row) {
    collector.inherit(*block, row);
    collector.collect("row");
    collector.collect("row");
  });
  collector.flush();
  CHECK(output.times == std::vector<std::int64_t>{100, 100, 101, 101, 102, 102});
  pool.give(block);
}

TEST_CASE("collector: side outputs keep their index") {
  HeapPool pool;
  StringOutput output;
  Collector<std::string> collector(pool, kRecordMax, 2);
  collector.bind(output);
  collector.collect("side");
  collector.flush();
  CHECK(output.side == 2);
}
