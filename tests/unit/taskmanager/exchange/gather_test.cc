#include "taskmanager/exchange/gather.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "taskmanager/exchange/output_writer.h"
#include "taskmanager/exchange/partitioner.h"
#include "tests/support/engine_operators.h"
#include "tests/support/heap_pool.h"
#include "tests/support/seed.h"
#include "weir/block_check.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

/// What a row says, whatever block it lies in.
struct Spoken {
  std::string fixed;
  std::vector<std::string> texts;
  std::int64_t time = 0;
  RowKind kind = RowKind::insert;
  friend bool operator==(const Spoken&, const Spoken&) = default;
};

Spoken read_row(const Block& block, const RowLayout& layout, std::uint32_t row) {
  Spoken spoken;
  spoken.fixed.assign(reinterpret_cast<const char*>(block.row(row)), layout.stride);
  for (const std::uint32_t place : layout.text_refs) {
    TextRef ref;
    std::memcpy(&ref, block.row(row) + place, sizeof ref);
    spoken.texts.emplace_back(block.text(ref));
    std::memset(spoken.fixed.data() + place, 0, sizeof ref);
  }
  if (block.has_timestamps()) spoken.time = block.timestamps()[row];
  if (block.has_row_kinds()) spoken.kind = block.row_kinds()[row];
  return spoken;
}

/// A block full of random rows.
Block* random_block(BlockPool& pool, const RowLayout& layout, std::uint8_t flags, std::uint32_t rows_max,
                    std::size_t text_max, std::mt19937& random) {
  OpenBlock open;
  open.open(pool.take(kBlockCapacity), layout, flags);
  while (open.rows() < rows_max && open.row_at != open.rows_end) {
    std::string row(layout.stride, '\0');
    for (char& byte : row) byte = static_cast<char>(random());
    std::size_t text_total = 0;
    std::vector<std::string> texts;
    for (std::size_t index = 0; index < layout.text_refs.size(); ++index) {
      texts.push_back(random_text(random, text_max, "abcdefgh"));
      text_total += texts.back().size();
    }
    if (layout.stride + text_total > open.free_bytes()) break;
    for (std::size_t index = 0; index < texts.size(); ++index) {
      open.text_at -= texts[index].size();
      std::memcpy(open.text_at, texts[index].data(), texts[index].size());
      const TextRef ref{static_cast<std::uint32_t>(open.block->end() - open.text_at),
                        static_cast<std::uint32_t>(texts[index].size())};
      std::memcpy(row.data() + layout.text_refs[index], &ref, sizeof ref);
    }
    if (open.block->has_timestamps()) *open.time_at++ = static_cast<std::int64_t>(random());
    if (open.block->has_row_kinds()) *open.kind_at++ = static_cast<RowKind>(random() % 4);
    std::memcpy(open.row_at, row.data(), row.size());
    open.row_at += row.size();
  }
  return open.seal();
}

/// Collects what an output writer sends.
class Collecting final : public OutputChannel {
 public:
  ChannelFill fill() const override { return {}; }
  explicit Collecting(std::vector<Element>& elements) : elements_(elements) {}
  bool push(const Element& element) override {
    elements_.push_back(element);
    return true;
  }
  bool is_done() const override { return true; }
  bool is_remote() const override { return true; }

 private:
  std::vector<Element>& elements_;
};

}  // namespace

TEST_CASE("gather: rows keep what they say through scatter and append, for every stride, with text, times and kinds") {
  std::mt19937 random(seed());
  CAPTURE(seed());
  HeapPool pool;
  for (const std::uint32_t stride : {1u,  3u,  4u,  7u,  8u,  9u,  12u, 15u,  16u,  17u,  20u,  24u,  28u,
                                     32u, 36u, 40u, 48u, 56u, 64u, 72u, 100u, 104u, 256u, 260u, 1000u}) {
    for (const std::size_t text_refs : {0u, 1u, 3u}) {
      for (const std::uint8_t flags : {0, int{kBlockTimestamps}, kBlockTimestamps | kBlockRowKinds}) {
        if (text_refs * sizeof(TextRef) > stride) continue;
        RowLayout layout;
        layout.stride = stride;
        layout.align = 1;
        for (std::size_t index = 0; index < text_refs; ++index)
          layout.text_refs.push_back(static_cast<std::uint32_t>(index * sizeof(TextRef)));
        const RowGather gather(layout);
        std::vector<OpenBlock> targets(3);
        std::vector<std::vector<Spoken>> expected(3);
        std::vector<std::vector<Spoken>> got(3);
        const auto close = [&](std::size_t target) {
          Block* const block = targets[target].seal();
          CHECK(check_block(*block, layout).ok());
          for (std::uint32_t row = 0; row < block->rows; ++row) got[target].push_back(read_row(*block, layout, row));
          pool.give(block);
        };
        for (int round = 0; round < 4; ++round) {
          Block* const source = random_block(pool, layout, flags, 1 + random() % kBlockRowsMax, random() % 60, random);
          std::vector<std::uint16_t> selection;
          for (std::uint32_t row = 0; row < source->rows; ++row)
            if (random() % 4 != 0) selection.push_back(static_cast<std::uint16_t>(row));
          const bool selects = random() % 2 == 0;
          const Batch batch =
              selects ? Batch(source, selection.data(), static_cast<std::uint32_t>(selection.size())) : Batch(source);
          std::vector<std::uint16_t> target_of(batch.count());
          for (auto& target : target_of) target = static_cast<std::uint16_t>(random() % 3);
          const bool appends = random() % 2 == 0;
          const std::uint16_t only = static_cast<std::uint16_t>(random() % 3);
          for (std::uint32_t position = 0; position < batch.count(); ++position)
            expected[appends ? only : target_of[position]].push_back(read_row(*source, layout, batch.row_at(position)));
          for (std::uint32_t position = 0; position < batch.count();) {
            position = appends ? gather.append(batch, position, batch.count(), targets[only])
                               : gather.scatter(batch, target_of.data(), position, targets.data());
            if (position == batch.count()) break;
            const std::size_t full = appends ? only : target_of[position];
            if (targets[full].block != nullptr) close(full);
            targets[full].open(pool.take(kBlockCapacity), layout, flags);
          }
          pool.give(source);
        }
        for (std::size_t target = 0; target < 3; ++target) {
          if (targets[target].block != nullptr) close(target);
          CHECK(got[target] == expected[target]);
        }
      }
    }
  }
  CHECK(pool.out() == 0);
}

TEST_CASE("gather: texts up to the last byte of a block are copied whole") {
  HeapPool pool;
  RowLayout layout;
  layout.stride = 8;
  layout.text_refs = {0};
  const RowGather gather(layout);
  for (std::uint32_t slack = 0; slack < 40; ++slack) {
    // The target has room for exactly the row and its text, and `slack` bytes more.
    const std::string text = "0123456789abcdef" + std::string(slack % 17, 'z');
    OpenBlock source;
    source.open(pool.take(kBlockCapacity), layout, 0);
    source.text_at -= text.size();
    std::memcpy(source.text_at, text.data(), text.size());
    const TextRef ref{static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(text.size())};
    std::memcpy(source.row_at, &ref, sizeof ref);
    source.row_at += 8;
    Block* const block = source.seal();
    OpenBlock target;
    target.open(pool.take(kBlockCapacity), layout, 0);
    target.row_at = target.text_at - 8 - text.size() - slack;
    target.rows_end = target.block->end();
    std::uint8_t* const row = target.row_at;
    std::memset(target.block->payload(), 0xEE, static_cast<std::size_t>(row - target.block->payload()));
    CHECK(gather.append(Batch(block), 0, 1, target) == 1);
    CHECK(std::string(reinterpret_cast<const char*>(target.text_at), text.size()) == text);
    CHECK(row[-1] == 0xEE);
    CHECK(gather.append(Batch(block), 0, 1, target) == (slack >= 8 + text.size() ? 1u : 0u));
    pool.give(target.block);
    pool.give(block);
  }
}

TEST_CASE(
    "partitioner: hash agrees with key groups, for a maximum parallelism that divides evenly and for one that does "
    "not") {
  for (const std::uint32_t max_parallelism : {128u, 77u, 32768u}) {
    Partitioner partitioner({.kind = PartitionerKind::hash, .targets = 5, .max_parallelism = max_parallelism},
                            std::make_unique<RowKeyHasher>(), nullptr);
    HeapPool pool;
    Block* const block = pool.take(kBlockCapacity);
    block->reset(row_layout(), 0);
    for (std::uint64_t key = 0; key < 500; ++key) rows_of(*block)[block->rows++] = {key * 977, key, 0};
    block->fixed_bytes = block->rows * sizeof(Row);
    std::vector<std::uint16_t> selection;
    for (std::uint16_t row = 0; row < 500; row += 3) selection.push_back(row);
    const Batch batch(block, selection.data(), static_cast<std::uint32_t>(selection.size()));
    std::uint16_t target_of[kBlockRowsMax];
    partitioner.route(batch, target_of);
    for (std::uint32_t position = 0; position < batch.count(); ++position) {
      const std::uint32_t group = key_group_of(hash_word(rows_of(*block)[batch.row_at(position)].key), max_parallelism);
      CHECK(target_of[position] == subtask_of_key_group(group, 5, max_parallelism));
    }
    pool.give(block);
  }
}

TEST_CASE("partitioner: dealing in turn is even over batches of any size") {
  Partitioner partitioner({.kind = PartitionerKind::rebalance, .targets = 4, .subtask = 2}, nullptr, nullptr);
  std::vector<std::uint64_t> rows(4);
  std::mt19937 random(seed());
  std::uint64_t total = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::uint32_t count = random() % 40;
    std::uint32_t covered = 0;
    partitioner.deal(count, [&](std::uint32_t from, std::uint32_t to, std::uint32_t target) {
      CHECK(from == covered);
      CHECK(from < to);
      covered = to;
      rows[target] += to - from;
    });
    CHECK(covered == count);
    total += count;
  }
  for (const std::uint64_t share : rows) {
    CHECK(share >= total / 4);
    CHECK(share <= total / 4 + 1);
  }
}

TEST_CASE("partitioner: large blocks go round whole, and no target is ahead of another by a block") {
  constexpr std::uint32_t kTargets = 5;
  Partitioner partitioner({.kind = PartitionerKind::rebalance, .targets = kTargets, .subtask = 1}, nullptr, nullptr);
  std::vector<std::uint64_t> rows(kTargets);
  std::mt19937 random(seed());
  CAPTURE(seed());
  // A few rows are dealt one by one: a whole block would be all that one consumer gets.
  CHECK(!partitioner.deal_block(kBlockRowsMax));
  partitioner.deal(kBlockRowsMax * kTargets, [](std::uint32_t, std::uint32_t, std::uint32_t) {});
  for (int round = 0; round < 1000; ++round) {
    // Sizes that would pile up on one target if blocks went strictly in turn.
    const std::uint32_t count = round % kTargets == 0 ? kBlockRowsMax : 256 + random() % 100;
    const auto target = partitioner.deal_block(count);
    REQUIRE(target);
    rows[*target] += count;
    const auto [least, most] = std::minmax_element(rows.begin(), rows.end());
    CHECK(*most - *least <= kBlockRowsMax);
  }
}

TEST_CASE("output_writer: large blocks of a rebalance are sent as they are, small ones and selections are copied") {
  HeapPool pool;
  std::vector<Element> elements;
  {
    std::vector<std::unique_ptr<OutputChannel>> channels;
    for (int target = 0; target < 2; ++target) channels.push_back(std::make_unique<Collecting>(elements));
    OutputWriter writer(row_layout(),
                        std::make_unique<Partitioner>(
                            Partitioner::Settings{.kind = PartitionerKind::rebalance, .targets = 2}, nullptr, nullptr),
                        std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool,
                        FlushPolicy{.timeout_us = FlushPolicy::kOnlyWhenFull});
    std::uint64_t next = 0;
    const auto emit = [&](std::uint32_t rows, bool may_take, bool selects) {
      Block* const block = pool.take(kBlockCapacity);
      block->reset(row_layout(), 0);
      std::vector<std::uint16_t> selection;
      for (; block->rows < rows; ++block->rows) {
        selection.push_back(static_cast<std::uint16_t>(block->rows));
        rows_of(*block)[block->rows] = {0, next++, 0};
      }
      block->fixed_bytes = rows * sizeof(Row);
      Batch batch = selects ? Batch(block, selection.data(), rows) : Batch(block);
      writer.emit(batch, may_take, 0);
      if (!batch.taken()) pool.give(block);
      return batch.taken();
    };
    CHECK(!emit(1024, true, false));  // the first rows are dealt
    CHECK(!emit(1024, true, false));
    CHECK(emit(1024, true, false));
    CHECK(emit(256, true, false));
    CHECK(!emit(255, true, false));
    CHECK(!emit(1024, false, false));
    CHECK(!emit(1024, true, true));
    CHECK(emit(1024, true, false));
    writer.end_partition();
    std::vector<std::uint64_t> seen;
    for (const Element& element : elements) {
      if (element.kind == ElementKind::block)
        for (std::uint32_t row = 0; row < element.block->rows; ++row)
          seen.push_back(rows_of(*element.block)[row].value);
      drop(element);
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::uint64_t> expected(next);
    std::iota(expected.begin(), expected.end(), std::uint64_t{0});
    CHECK(seen == expected);
  }
  CHECK(pool.out() == 0);
}

TEST_CASE(
    "output_writer: rows with and without event time do not meet in one block, a huge row gets a block that holds it, "
    "and order is kept") {
  HeapPool pool;
  std::vector<Element> elements;
  {
    RowLayout layout;
    layout.stride = 16;
    layout.text_refs = {8};
    std::vector<std::unique_ptr<OutputChannel>> channels;
    channels.push_back(std::make_unique<Collecting>(elements));
    OutputWriter writer(layout, std::make_unique<Partitioner>(Partitioner::Settings{}, nullptr, nullptr),
                        std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool,
                        {.timeout_us = 100, .idle_spacing_us = 50});
    std::mt19937 random(seed());
    const auto emit = [&](std::uint8_t flags, std::uint32_t rows, std::size_t text, std::int64_t now_us) {
      Block* const block = random_block(pool, layout, flags, rows, text, random);
      Batch batch(block);
      writer.emit(batch, false, now_us);
      pool.give(block);
    };
    emit(0, 3, 5, 1000);
    emit(kBlockTimestamps, 2, 5, 1000);
    Block* const huge = pool.take(block_capacity_for(16, 100'000));
    huge->reset(layout, kBlockTimestamps);
    huge->rows = 1;
    huge->fixed_bytes = 16;
    huge->text_bytes = 100'000;
    huge->timestamps()[0] = 1;
    std::memset(huge->row(0), 0, 16);
    const TextRef ref{100'000, 100'000};
    std::memcpy(huge->row(0) + 8, &ref, sizeof ref);
    std::memset(huge->end() - 100'000, 'h', 100'000);
    Batch batch(huge);
    writer.emit(batch, false, 1000);
    pool.give(huge);
    emit(kBlockTimestamps, 1, 5, 1000);
    CHECK(!writer.flush_due(1099));
    CHECK(writer.next_flush_us(false) == 1100);
    CHECK(writer.flush_due(1100));
    CHECK(!writer.flush_due(5000));
    emit(kBlockTimestamps, 1, 5, 1140);
    CHECK(!writer.flush_idle(1149));  // the last small block went at 1100
    CHECK(writer.flush_idle(1150));
    emit(kBlockTimestamps, 1, 5, 1200);
    writer.emit_watermark(77);
    writer.end_partition();
    CHECK(writer.rows_out() == 9);
  }
  std::vector<std::int64_t> seen;
  for (const Element& element : elements) {
    seen.push_back(element.kind == ElementKind::block       ? element.block->rows
                   : element.kind == ElementKind::watermark ? -element.value
                                                            : -1);
    if (element.kind == ElementKind::block && element.block->text_bytes >= 100'000)
      CHECK(element.block->text({100'000, 100'000}) == std::string(100'000, 'h'));
    drop(element);
  }
  CHECK(seen == std::vector<std::int64_t>{3, 2, 2, 1, 1, -77, -1});
  CHECK(pool.out() == 0);
}
