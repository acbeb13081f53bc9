// Every partitioner between tasks of every width, in one process and over sockets: nothing lost, nothing twice, order
// kept per channel.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"
#include "weir/key_group.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

constexpr std::uint64_t kRows = 5'000;

/// key: spreads; value: counts from 0 for each producer; time: the producer.
Row numbered(std::uint32_t producer, std::uint64_t number) {
  return {hash_word(number) % 101, number, static_cast<std::int64_t>(producer)};
}

/// Numbers by {consumer, producer}, in the order in which they came.
struct Arrived {
  std::mutex mutex;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint64_t>> numbers;
};

class ArrivalSink final : public Operator {
 public:
  explicit ArrivalSink(std::shared_ptr<Arrived> arrived) : arrived_(std::move(arrived)) {}
  Result<void> open(OperatorContext& context) override {
    consumer_ = context.subtask_index();
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output&) override {
    const std::lock_guard lock(arrived_->mutex);
    batch.for_each_row([&](std::uint32_t index) {
      const Row& row = rows_of(batch.block())[index];
      arrived_->numbers[{consumer_, static_cast<std::uint32_t>(row.time)}].push_back(row.value);
    });
  }

 private:
  const std::shared_ptr<Arrived> arrived_;
  std::uint32_t consumer_ = 0;
};

struct Widths {
  int producers;
  int consumers;
};
constexpr Widths kWidths[] = {{1, 3}, {3, 1}, {2, 3}, {3, 2}, {3, 3}};

/// Flink's pointwise pattern: does this producer send to this consumer?
bool is_neighbour(const Widths& widths, std::uint32_t producer, std::uint32_t consumer) {
  const auto producers = static_cast<std::uint32_t>(widths.producers);
  const auto consumers = static_cast<std::uint32_t>(widths.consumers);
  if (producers <= consumers) return consumer * producers / consumers == producer;
  return producer >= consumer * producers / consumers && producer < (consumer + 1) * producers / consumers;
}

void check(PartitionerKind kind, const Widths& widths, const Arrived& arrived) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, int> times;
  for (const auto& [ends, numbers] : arrived.numbers) {
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    for (const std::uint64_t number : numbers) {
      ++times[{ends.second, number}];
      const auto group = key_group_of(hash_word(numbered(ends.second, number).key), 128);
      const auto consumers = static_cast<std::uint32_t>(widths.consumers);
      if (kind == PartitionerKind::hash) REQUIRE(ends.first == subtask_of_key_group(group, consumers, 128));
      if (kind == PartitionerKind::custom) REQUIRE(ends.first == numbered(ends.second, number).key % consumers);
      if (kind == PartitionerKind::global) REQUIRE(ends.first == 0);
    }
    if (kind == PartitionerKind::rescale) CHECK(is_neighbour(widths, ends.second, ends.first));
    if (kind == PartitionerKind::forward && widths.producers == widths.consumers) CHECK(ends.first == ends.second);
  }
  CHECK(times.size() == kRows * static_cast<std::uint64_t>(widths.producers));
  const int expected = kind == PartitionerKind::broadcast ? widths.consumers : 1;
  CHECK(std::all_of(times.begin(), times.end(), [&](const auto& entry) { return entry.second == expected; }));
  if (kind != PartitionerKind::rebalance && kind != PartitionerKind::rescale) return;
  for (const auto& [ends, numbers] : arrived.numbers) {  // even but for a block, producer by producer
    std::uint64_t targets = 0;
    for (std::uint32_t consumer = 0; consumer < static_cast<std::uint32_t>(widths.consumers); ++consumer)
      targets += kind == PartitionerKind::rebalance || is_neighbour(widths, ends.second, consumer);
    CHECK(numbers.size() + kBlockRowsMax >= kRows / targets);
    CHECK(numbers.size() <= kRows / targets + kBlockRowsMax);
  }
}

void run_all(const ClusterSettings& settings, PartitionerKind kind) {
  for (const Widths& widths : kWidths) {
    CAPTURE(static_cast<int>(kind));
    CAPTURE(widths.producers);
    CAPTURE(widths.consumers);
    const auto arrived = std::make_shared<Arrived>();
    EngineCluster cluster(settings, [&] {
      RowGraph rows;
      const auto source =
          rows.source(widths.producers, [] { return std::make_unique<RowSource>(kRows, 700, numbered); });
      rows.sink(widths.consumers, {source}, kind, [arrived] { return std::make_unique<ArrivalSink>(arrived); });
      rows.node(source).chaining = Chaining::never;
      return rows.graph();
    });
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    REQUIRE(cluster.wait_for(proto::FINISHED));
    check(kind, widths, *arrived);
  }
}

constexpr PartitionerKind kKinds[] = {PartitionerKind::forward, PartitionerKind::hash,      PartitionerKind::rebalance,
                                      PartitionerKind::rescale, PartitionerKind::broadcast, PartitionerKind::shuffle,
                                      PartitionerKind::global,  PartitionerKind::custom};

}  // namespace

TEST_CASE("partitioning: every partitioner between tasks of every width, in one process") {
  for (const auto kind : kKinds) run_all({.slots = 3}, kind);
}

TEST_CASE("partitioning: every partitioner between tasks of every width, each slot a machine of its own") {
  for (const auto kind : kKinds) run_all({.task_managers = 3, .slots = 1}, kind);
}
