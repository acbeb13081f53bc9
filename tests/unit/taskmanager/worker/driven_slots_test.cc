// Several slots without threads, stepped in an order that a seed gives: what happens is the same each time.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time_source.h"
#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"
#include "weir/key_group.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

constexpr std::uint64_t kKeys = 97;

Row numbered(std::uint32_t subtask, std::uint64_t number) {
  return {hash_word(number) % kKeys, number, static_cast<std::int64_t>(subtask)};
}

/// Time that passes when a slot is driven.
struct TurnTime final : TimeSource {
  SteadyTime now() const override { return SteadyTime(std::chrono::microseconds(now_us)); }
  WallTime wall_now() const override { return WallTime(std::chrono::milliseconds(now_us / 1000)); }
  std::int64_t now_us = 1'000'000;
};

/// What one run of a random graph did.
struct Run {
  std::string trace;  ///< per turn: the slot, and whether anything was done
  std::map<std::uint64_t, Seen::Sum> sums;
  bool is_in_order = false;
  std::map<std::uint64_t, Seen::Sum> expected;
  std::vector<std::string> failures;
};

Run run_graph(unsigned seed) {
  std::mt19937 random(seed);
  const auto kinds =
      std::array{PartitionerKind::hash, PartitionerKind::rebalance, PartitionerKind::shuffle, PartitionerKind::forward};
  const int sources = static_cast<int>(random() % 3) + 1;
  const int middle = static_cast<int>(random() % 4) + 1;
  const int sinks = static_cast<int>(random() % 4) + 1;
  const std::uint64_t row_count = random() % 4000 + 1;
  const std::uint32_t rows_per_poll = random() % 700 + 1;
  const auto first_kind = kinds[random() % (sources == middle ? 4 : 3)];
  const auto second_kind = kinds[random() % (middle == sinks ? 4 : 3)];
  TurnTime time;
  ClusterSettings settings{.slots = 4, .is_driven = true, .time = &time};
  settings.pool_bytes = (std::uint64_t{1} << 20) << random() % 4;
  settings.chaining = random() % 2 == 0;
  settings.shuffle_seed = seed;
  const auto seen = std::make_shared<Seen>();
  std::uint64_t stops = 0;
  EngineCluster cluster(settings, [&] {
    RowGraph rows;
    const auto source =
        rows.source(sources, [=] { return std::make_unique<RowSource>(row_count, rows_per_poll, numbered); });
    const auto mapped =
        rows.transform(middle, source, first_kind, [] { return std::make_unique<RowMap>([](Row&) {}); });
    // A sink that wants no more now and then.
    rows.sink(sinks, {mapped}, second_kind, [&] {
      return std::make_unique<FoldSink>(
          seen, [&stops] { return ++stops % 5 == 0; }, false);
    });
    return rows.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  Run run;
  bool is_over = false;
  for (int turn = 0; turn < 2'000'000 && !is_over; ++turn) {
    const std::uint32_t slot = random() % settings.slots;
    const bool has_worked = cluster.drive(slot, [&](std::size_t tasks) { return random() % tasks; });
    run.trace += static_cast<char>('0' + slot);
    if (has_worked) run.trace += '+';
    time.now_us += 50;
    if (turn % 64 == 0) is_over = cluster.wait_for(proto::FINISHED, std::chrono::milliseconds(0));
  }
  run.failures = cluster.failures();
  cluster.stop();
  run.sums = seen->by_key;
  for (int subtask = 0; subtask < sources; ++subtask) {
    for (std::uint64_t number = 0; number < row_count; ++number) {
      const Row row = numbered(static_cast<std::uint32_t>(subtask), number);
      ++run.expected[row.key].count;
      run.expected[row.key].sum += row.value;
    }
  }
  return run;
}

}  // namespace

TEST_CASE("driven slots: random graphs on four slots, stepped in seeded order, agree with a plain fold") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    const Run run = run_graph(seed);
    CHECK(run.failures.empty());
    CHECK(run.sums == run.expected);
  }
}

TEST_CASE("driven slots: the same seed gives the same steps, another one gives others") {
  const Run first = run_graph(77);
  const Run again = run_graph(77);
  const Run other = run_graph(78);
  CHECK(first.trace == again.trace);
  CHECK(first.trace != other.trace);
}
