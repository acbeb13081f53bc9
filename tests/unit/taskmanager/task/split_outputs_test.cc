#include "taskmanager/task/split_outputs.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/support/heap_pool.h"

using namespace weir;               // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

struct Noted final : Output {
  void emit(Batch& batch) override { rows += batch.count(); }
  void emit_side(std::uint32_t, Batch& batch) override { side_rows += batch.count(); }
  void emit_watermark(EventTime watermark) override { watermarks.push_back(to_ms(watermark)); }
  std::uint64_t rows = 0;
  std::uint64_t side_rows = 0;
  std::vector<std::int64_t> watermarks;
};

using Times = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("split outputs: the source's watermark is the least over its splits, and stands until each has one") {
  Noted noted;
  SplitOutputs outputs(noted);
  outputs.split(0).emit_watermark(from_ms(10));
  Output& second = outputs.split(1);
  CHECK(noted.watermarks == Times{10});  // there was one split only
  outputs.split(0).emit_watermark(from_ms(30));
  CHECK(noted.watermarks == Times{10});
  second.emit_watermark(from_ms(20));
  CHECK(noted.watermarks == Times{10, 20});
  second.emit_watermark(from_ms(15));
  second.emit_watermark(from_ms(25));
  CHECK(noted.watermarks == Times{10, 20, 25});
}

TEST_CASE("split outputs: idle and released splits hold the watermark back no more") {
  Noted noted;
  SplitOutputs outputs(noted);
  for (std::uint32_t split = 0; split < 3; ++split) outputs.split(split);
  outputs.split(0).emit_watermark(from_ms(50));
  outputs.mark_idle(1);
  CHECK(noted.watermarks.empty());
  outputs.release(2);
  CHECK(noted.watermarks == Times{50});
  outputs.split(1).emit_watermark(from_ms(40));  // active again: late, but never backwards
  outputs.split(0).emit_watermark(from_ms(60));
  CHECK(noted.watermarks == Times{50});
  outputs.split(1).emit_watermark(from_ms(70));
  CHECK(noted.watermarks == Times{50, 60});
}

TEST_CASE("split outputs: when all splits are idle the watermark stands") {
  Noted noted;
  SplitOutputs outputs(noted);
  outputs.split(0).emit_watermark(from_ms(5));
  outputs.mark_idle(0);
  outputs.release(7);
  CHECK(noted.watermarks == Times{5});
}

TEST_CASE("split outputs: rows go on whichever output they were given to") {
  test::HeapPool pool;
  Block* const block = pool.take(kBlockCapacity);
  block->rows = 3;
  {
    Noted noted;
    SplitOutputs outputs(noted);
    Batch batch(block);
    outputs.emit(batch);
    outputs.split(4).emit(batch);
    outputs.split(4).emit_side(1, batch);
    outputs.emit_side(1, batch);
    CHECK(noted.rows == 6);
    CHECK(noted.side_rows == 6);
  }
  pool.give(block);
}
