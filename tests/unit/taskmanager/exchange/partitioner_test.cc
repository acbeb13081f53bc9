#include "taskmanager/exchange/partitioner.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <stdexcept>
#include <vector>

#include "taskmanager/exchange/output_writer.h"
#include "tests/support/engine_operators.h"
#include "tests/support/heap_pool.h"
#include "tests/support/seed.h"
#include "weir/environment.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

constexpr PartitionerKind kKinds[] = {PartitionerKind::forward, PartitionerKind::hash,      PartitionerKind::rebalance,
                                      PartitionerKind::rescale, PartitionerKind::broadcast, PartitionerKind::shuffle,
                                      PartitionerKind::global,  PartitionerKind::custom};

std::unique_ptr<Partitioner> make(PartitionerKind kind, std::uint32_t targets, std::uint32_t subtask = 0) {
  return std::make_unique<Partitioner>(
      Partitioner::Settings{.kind = kind, .targets = targets, .max_parallelism = 128, .subtask = subtask},
      kind == PartitionerKind::hash ? std::make_unique<RowKeyHasher>() : nullptr,
      kind == PartitionerKind::custom ? std::make_unique<RowKeyRouter>() : nullptr);
}

/// Notes the value of every row that comes, in order.
class Noting final : public OutputChannel {
 public:
  explicit Noting(std::vector<std::uint64_t>& values) : values_(values) {}
  bool push(const Element& element) override {
    if (element.kind == ElementKind::block)
      for (std::uint32_t row = 0; row < element.block->rows; ++row)
        values_.push_back(rows_of(*element.block)[row].value);
    drop(element);
    return true;
  }
  bool is_done() const override { return true; }
  bool is_remote() const override { return false; }
  ChannelFill fill() const override { return {}; }

 private:
  std::vector<std::uint64_t>& values_;
};

/// A writer to so many channels, and what came out of each.
struct Written {
  Written(PartitionerKind kind, std::uint32_t targets, std::uint32_t subtask = 0) : channels(targets) {
    std::vector<std::unique_ptr<OutputChannel>> ends;
    for (auto& channel : channels) ends.push_back(std::make_unique<Noting>(channel));
    writer = std::make_unique<OutputWriter>(
        row_layout(), make(kind, targets, subtask),
        std::make_unique<OutputPartition>(std::move(ends), std::make_shared<FirstFailure>()), pool,
        FlushPolicy{.timeout_us = FlushPolicy::kOnlyWhenFull});
  }
  void emit(const std::vector<Row>& rows, const std::vector<std::uint16_t>* selection = nullptr) {
    Block* const block = pool.take(kBlockCapacity);
    block->reset(row_layout(), 0);
    for (const Row& row : rows) rows_of(*block)[block->rows++] = row;
    block->fixed_bytes = block->rows * sizeof(Row);
    Batch batch = selection == nullptr ? Batch(block)
                                       : Batch(block, selection->data(), static_cast<std::uint32_t>(selection->size()));
    writer->emit(batch, true, 0);
    if (!batch.taken()) pool.give(block);
  }

  HeapPool pool;
  std::vector<std::vector<std::uint64_t>> channels;
  std::unique_ptr<OutputWriter> writer;
};

}  // namespace

TEST_CASE("partitioner: which rows go where, partitioner by partitioner") {
  using Channels = std::vector<std::vector<std::uint64_t>>;
  // Six rows with keys 0..5 and values 0..5 in one batch, then one with key and value 6.
  struct Case {
    PartitionerKind kind;
    std::uint32_t targets;
    std::uint32_t subtask;
    Channels expected;
  };
  const Case cases[] = {
      {PartitionerKind::forward, 1, 3, {{0, 1, 2, 3, 4, 5, 6}}},
      {PartitionerKind::global, 3, 2, {{0, 1, 2, 3, 4, 5, 6}, {}, {}}},
      {PartitionerKind::broadcast, 2, 0, {{0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6}}},
      {PartitionerKind::rebalance, 3, 0, {{0, 1, 6}, {2, 3}, {4, 5}}},
      {PartitionerKind::rebalance, 3, 1, {{4, 5}, {0, 1, 6}, {2, 3}}},  // each producer begins elsewhere
      {PartitionerKind::rebalance, 4, 0, {{0, 1}, {2, 3}, {4, 6}, {5}}},
      {PartitionerKind::rescale, 2, 0, {{0, 1, 2, 6}, {3, 4, 5}}},
      {PartitionerKind::rescale, 1, 0, {{0, 1, 2, 3, 4, 5, 6}}},
      {PartitionerKind::custom, 3, 0, {{0, 3, 6}, {1, 4}, {2, 5}}},
      {PartitionerKind::custom, 1, 0, {{0, 1, 2, 3, 4, 5, 6}}},
  };
  for (const auto& [kind, targets, subtask, expected] : cases) {
    CAPTURE(static_cast<int>(kind));
    CAPTURE(targets);
    Written written(kind, targets, subtask);
    std::vector<Row> rows;
    for (std::uint64_t number = 0; number < 6; ++number) rows.push_back({number, number, 0});
    written.emit(rows);
    written.emit({{6, 6, 0}});
    written.writer->end_partition();
    CHECK(written.channels == expected);
  }
}

TEST_CASE(
    "partitioner: nothing is lost, nothing comes twice, and each channel keeps its order, for random batches and "
    "selections") {
  const unsigned first_seed = seed();
  CAPTURE(first_seed);
  std::mt19937 random(first_seed);
  for (const auto kind : kKinds) {
    for (const std::uint32_t targets : {1u, 2u, 3u, 7u, 64u}) {
      if (kind == PartitionerKind::forward && targets > 1) continue;
      CAPTURE(static_cast<int>(kind));
      CAPTURE(targets);
      Written written(kind, targets, random() % 8);
      std::vector<std::uint64_t> sent;
      std::uint64_t next = 0;
      for (int round = 0; round < 60; ++round) {
        std::vector<Row> rows(random() % 1024 + 1);
        for (Row& row : rows) row = {random() % 1000, next++, 0};
        std::vector<std::uint16_t> selection;
        const bool is_selection = random() % 2 == 0;
        for (std::uint16_t row = 0; row < rows.size(); ++row)
          if (!is_selection || random() % 3 == 0) selection.push_back(row);
        for (const std::uint16_t row : selection) sent.push_back(rows[row].value);
        written.emit(rows, is_selection ? &selection : nullptr);
      }
      written.writer->end_partition();
      std::map<std::uint64_t, std::uint32_t> times;
      for (const auto& channel : written.channels) {
        CHECK(std::is_sorted(channel.begin(), channel.end()));
        for (const std::uint64_t value : channel) ++times[value];
      }
      const std::uint32_t expected = kind == PartitionerKind::broadcast ? targets : 1;
      CHECK(times.size() == sent.size());
      CHECK(std::all_of(sent.begin(), sent.end(), [&](std::uint64_t value) { return times[value] == expected; }));
      CHECK(written.writer->rows_out() == sent.size() * expected);
      CHECK(written.pool.out() == 0);
    }
  }
}

TEST_CASE("partitioner: shuffle is about even, the same for a producer every time, and another for another") {
  const auto shuffled = [](std::uint32_t subtask) {
    Written written(PartitionerKind::shuffle, 4, subtask);
    std::vector<Row> rows(1000);
    for (int round = 0; round < 40; ++round) {
      for (std::uint64_t number = 0; number < rows.size(); ++number)
        rows[number] = {1, static_cast<std::uint64_t>(round) * 1000 + number, 0};
      written.emit(rows);
    }
    written.writer->end_partition();
    return written.channels;
  };
  const auto first = shuffled(0);
  for (const auto& channel : first) {
    CHECK(channel.size() > 9'500);
    CHECK(channel.size() < 10'500);
  }
  CHECK(shuffled(0) == first);
  CHECK(shuffled(1) != first);
}

namespace {

struct Order {
  std::int64_t id = 0;
  std::string country;
};

/// What partition_custom's exchange answers for one order.
template <class P, class F>
std::uint16_t routed(P partitioner, F key, const Order& order, std::uint32_t targets) {
  StreamExecutionEnvironment env;
  auto stream = env.from_collection<Order>({}).partition_custom(partitioner, key);
  const EdgeNode edge = stream.upstream().front();
  CHECK(edge.partitioner == PartitionerKind::custom);
  HeapPool pool;
  Block* const block = pool.take(kBlockCapacity);
  block->reset(RowCodec<Order>::layout(), 0);
  REQUIRE(RowCodec<Order>::append(order, *block));
  Partitioner made({.kind = PartitionerKind::custom, .targets = targets}, nullptr, edge.make_router());
  std::uint16_t target = 0;
  struct Give {
    HeapPool& pool;
    Block* block;
    ~Give() { pool.give(block); }
  } give{pool, block};
  made.route(Batch(block), &target);
  return target;
}

std::string refusal(int answer, std::uint32_t targets) {
  try {
    routed([answer](std::int64_t, int) { return answer; }, &Order::id, {}, targets);
  } catch (const std::out_of_range& thrown) {
    return thrown.what();
  }
  return {};
}

}  // namespace

TEST_CASE("partitioner: custom asks the user's function with the key and the number of subtasks") {
  CHECK(routed([](std::int64_t id, int subtasks) { return static_cast<int>(id) % subtasks; }, &Order::id, {7, ""}, 4) ==
        3);
  CHECK(routed([](Text country, int) { return country == "fr" ? 1u : 0u; }, &Order::country, {1, "fr"}, 4) == 1);
  CHECK(routed([](Text country, int subtasks) { return country.empty() ? 0 : subtasks - 1; },
               [](const Order& o) { return o.country; }, {1, "de"}, 4) == 3);
  CHECK(routed([](std::int64_t half, int) { return half; }, [](const Order& o) { return o.id / 2; }, {5, ""}, 3) == 2);
}

TEST_CASE("partitioner: custom refuses a number that is no subtask with a sentence, also where there is only one") {
  CHECK(refusal(0, 1).empty());
  CHECK(refusal(3, 4).empty());
  CHECK(refusal(4, 4) ==
        "partition_custom: the partitioner answered 4 where it may answer 0 to 3: there are 4 subtasks behind it");
  CHECK(refusal(-1, 4) ==
        "partition_custom: the partitioner answered -1 where it may answer 0 to 3: there are 4 subtasks behind it");
  CHECK(refusal(1, 1) ==
        "partition_custom: the partitioner answered 1 where it may answer 0 to 0: there are 1 subtasks behind it");
  CHECK(refusal(65536, 4).find("65536") != std::string::npos);
}
