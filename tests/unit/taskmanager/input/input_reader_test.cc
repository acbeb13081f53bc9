#include "taskmanager/input/input_reader.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/support/engine_operators.h"
#include "tests/support/heap_pool.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

/// One edge of rings that the test fills.
struct Rings {
  explicit Rings(std::uint32_t channels) : signals(std::make_shared<GateSignals>(channels)) {
    for (std::uint32_t index = 0; index < channels; ++index) {
      rings.push_back(std::make_shared<LocalChannel>(64, waker, waker));
      rings.back()->attach(signals, index);
    }
  }
  InputReader::Edge edge(std::uint32_t input) {
    std::vector<std::unique_ptr<InputChannel>> channels;
    for (auto& ring : rings) channels.push_back(std::make_unique<LocalInput>(ring));
    return {input, std::make_unique<InputGate>(std::move(channels), signals, std::make_shared<FirstFailure>()),
            row_layout()};
  }
  void rows(std::uint32_t channel, BlockPool& pool, std::uint32_t count, std::uint64_t first_value) {
    Block* const block = pool.take(kBlockCapacity);
    block->reset(row_layout(), 0);
    for (; block->rows < count; ++block->rows) rows_of(*block)[block->rows] = {channel, first_value + block->rows, 0};
    block->fixed_bytes = count * sizeof(Row);
    REQUIRE(rings[channel]->push(Element::rows(block)));
  }
  Waker waker;
  std::shared_ptr<GateSignals> signals;
  std::vector<std::shared_ptr<LocalChannel>> rings;
};

/// Everything that can be read now, in words.
std::vector<std::string> read_all(InputReader& reader) {
  std::vector<std::string> lines;
  for (InputEvent event; reader.next(event);) {
    switch (event.kind) {
      case InputEvent::Kind::block:
        lines.push_back("rows " + std::to_string(event.input) + " " + std::to_string(event.block->rows));
        event.block->home->give(event.block);
        break;
      case InputEvent::Kind::watermark: lines.push_back("watermark " + std::to_string(event.watermark_ms)); break;
      case InputEvent::Kind::end_of_data: lines.push_back("end " + std::to_string(event.input)); break;
    }
  }
  return lines;
}

}  // namespace

TEST_CASE(
    "watermark_merger: the least of all channels counts, an ended channel holds nobody back, and it never goes "
    "backwards") {
  WatermarkMerger merger(3);
  CHECK(!merger.advance(0, 10));
  CHECK(!merger.advance(1, 20));
  CHECK(merger.advance(2, 5) == 5);
  CHECK(!merger.advance(2, 4));
  CHECK(!merger.advance(1, 30));
  CHECK(merger.advance(2, 50) == 10);
  CHECK(merger.end(0) == 30);
  CHECK(!merger.end(2));
  CHECK(merger.end(1) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("input_reader: small blocks that wait are put together, and a watermark does not overtake rows") {
  HeapPool pool;
  {
    Rings rings(1);
    std::vector<InputReader::Edge> edges;
    edges.push_back(rings.edge(0));
    InputReader reader(std::move(edges), pool);
    for (std::uint64_t block = 0; block < 5; ++block) rings.rows(0, pool, 10, block * 10);
    REQUIRE(rings.rings[0]->push(Element::watermark(7)));
    for (std::uint64_t block = 0; block < 3; ++block) rings.rows(0, pool, 20, block * 20);
    rings.rows(0, pool, 1000, 0);
    REQUIRE(rings.rings[0]->push(Element::end_of_data()));
    CHECK(read_all(reader) ==
          std::vector<std::string>{"rows 0 50", "watermark 7", "rows 0 60", "rows 0 1000", "end 0"});
    CHECK(reader.is_data_at_end());
    CHECK(reader.rows_in() == 1110);
  }
  CHECK(pool.out() == 0);
}

TEST_CASE("input_reader: rows that were put together keep their order") {
  HeapPool pool;
  Rings rings(1);
  std::vector<InputReader::Edge> edges;
  edges.push_back(rings.edge(0));
  InputReader reader(std::move(edges), pool);
  for (std::uint64_t block = 0; block < 60; ++block) rings.rows(0, pool, 20, block * 20);
  std::uint64_t expected = 0;
  for (InputEvent event; reader.next(event); event.block->home->give(event.block))
    for (std::uint32_t row = 0; row < event.block->rows; ++row) CHECK(rows_of(*event.block)[row].value == expected++);
  CHECK(expected == 1200);
}

TEST_CASE("input_reader: an input ends with its last channel, and the last watermark is not told beside the end") {
  HeapPool pool;
  Rings left(2);
  Rings right(1);
  std::vector<InputReader::Edge> edges;
  edges.push_back(left.edge(0));
  edges.push_back(right.edge(1));
  InputReader reader(std::move(edges), pool);
  REQUIRE(left.rings[0]->push(Element::watermark(10)));
  REQUIRE(right.rings[0]->push(Element::watermark(20)));
  REQUIRE(left.rings[1]->push(Element::end_of_data()));
  CHECK(read_all(reader) == std::vector<std::string>{"watermark 10"});
  CHECK(!reader.is_data_at_end());
  REQUIRE(left.rings[0]->push(Element::end_of_data()));
  CHECK(read_all(reader) == std::vector<std::string>{"end 0", "watermark 20"});
  REQUIRE(right.rings[0]->push(Element::end_of_data()));
  CHECK(read_all(reader) == std::vector<std::string>{"end 1"});
  CHECK(reader.is_data_at_end());
}

TEST_CASE("input_reader: blocks that were read ahead and never handled go home") {
  HeapPool pool;
  {
    Rings rings(1);
    std::vector<InputReader::Edge> edges;
    edges.push_back(rings.edge(0));
    InputReader reader(std::move(edges), pool);
    rings.rows(0, pool, 10, 0);
    rings.rows(0, pool, 1000, 0);
    InputEvent event;
    REQUIRE(reader.next(event));
    event.block->home->give(event.block);
  }
  CHECK(pool.out() == 0);
}
