// Whole jobs in one worker: graphs made by hand, rows through rings.
#include "taskmanager/worker/job_runtime.h"

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <set>
#include <stdexcept>

#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"
#include "tests/support/seed.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

constexpr std::uint64_t kKeys = 997;

Row numbered(std::uint32_t subtask, std::uint64_t number) {
  return {hash_word(number) % kKeys, number, static_cast<std::int64_t>(subtask)};
}

std::map<std::uint64_t, Seen::Sum> plain_fold(int subtasks, std::uint64_t rows) {
  std::map<std::uint64_t, Seen::Sum> sums;
  for (int subtask = 0; subtask < subtasks; ++subtask)
    for (std::uint64_t number = 0; number < rows; ++number) {
      const Row row = numbered(static_cast<std::uint32_t>(subtask), number);
      ++sums[row.key].count;
      sums[row.key].sum += row.value;
    }
  return sums;
}

std::function<std::unique_ptr<SourceReader>()> source_of(std::uint64_t rows, std::uint32_t rows_per_poll = 1000) {
  return [=] { return std::make_unique<RowSource>(rows, rows_per_poll, numbered); };
}
std::function<std::unique_ptr<Operator>()> fold_into(std::shared_ptr<Seen> seen, std::function<bool()> is_stopped = {},
                                                     bool checks_order = false) {
  return [=] { return std::make_unique<FoldSink>(seen, is_stopped, checks_order); };
}
std::function<std::unique_ptr<Operator>()> nothing_done() {
  return [] { return std::make_unique<RowMap>([](Row&) {}); };
}

std::string join(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  return all;
}

/// Runs a job to its end. @return  the failures, empty when all tasks have finished
std::string run(EngineCluster& cluster) {
  if (auto started = cluster.start(); !started.ok()) return started.error().message;
  if (auto deployed = cluster.deploy(); !deployed.ok()) return deployed.error().message;
  if (cluster.wait_for(proto::FINISHED)) return {};
  const auto failures = join(cluster.failures());
  return failures.empty() ? "not finished in time" : failures;
}

}  // namespace

TEST_CASE(
    "job_runtime: rows that are hashed between two slots add up to a plain fold, each key on one subtask and in "
    "order") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({}, [&] {
    RowGraph rows;
    const auto source = rows.source(2, source_of(100'000));
    const auto mapped = rows.transform(2, source, PartitionerKind::forward, nothing_done());
    rows.sink(2, {mapped}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(cluster.job_graph().vertices.size() == 2);
  CHECK(seen->by_key == plain_fold(2, 100'000));
  for (const auto& [key, subtasks] : seen->subtasks_by_key)
    CHECK(subtasks == std::vector<std::uint32_t>{subtask_of_key_group(key_group_of(hash_word(key), 128), 2, 128)});
}

TEST_CASE("job_runtime: within one producer and key, rows keep their order through hash and rebalance of one target") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 3}, [&] {
    RowGraph rows;
    const auto source = rows.source(1, source_of(50'000, 333));
    rows.sink(3, {source}, PartitionerKind::hash, fold_into(seen, {}, true));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(seen->is_in_order);
  CHECK(seen->by_key == plain_fold(1, 50'000));
}

TEST_CASE("job_runtime: a chain runs in one task, and a filter only selects") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 1}, [&] {
    RowGraph rows;
    const auto source = rows.source(1, source_of(10'000));
    const auto filtered = rows.transform(1, source, PartitionerKind::forward, [] {
      return std::make_unique<RowFilter>([](const Row& row) { return row.value % 3 == 0; });
    });
    const auto doubled = rows.transform(1, filtered, PartitionerKind::forward, [] {
      return std::make_unique<RowMap>([](Row& row) {
        row.key = 1;
        row.value *= 2;
      });
    });
    rows.sink(1, {doubled}, PartitionerKind::forward, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(cluster.job_graph().vertices.size() == 1);
  std::uint64_t sum = 0;
  for (std::uint64_t number = 0; number < 10'000; number += 3) sum += number * 2;
  CHECK(seen->by_key == std::map<std::uint64_t, Seen::Sum>{{1, {3334, sum}}});
}

TEST_CASE("job_runtime: rebalance gives every consumer the same share") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 4}, [&] {
    RowGraph rows;
    const auto source = rows.source(1, source_of(40'000, 7));
    rows.sink(4, {source}, PartitionerKind::rebalance, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(seen->by_key == plain_fold(1, 40'000));
  for (std::uint32_t subtask = 0; subtask < 4; ++subtask) {
    CHECK(seen->rows_by_subtask[subtask] > 9'000);
    CHECK(seen->rows_by_subtask[subtask] < 11'000);
  }
}

TEST_CASE(
    "job_runtime: broadcast gives every consumer everything, global gives all to the first, shuffle loses nothing") {
  for (const auto kind : {PartitionerKind::broadcast, PartitionerKind::global, PartitionerKind::shuffle,
                          PartitionerKind::rescale, PartitionerKind::custom}) {
    const auto seen = std::make_shared<Seen>();
    EngineCluster cluster({.slots = 4}, [&] {
      RowGraph rows;
      const auto source = rows.source(2, source_of(20'000));
      rows.sink(4, {source}, kind, fold_into(seen));
      return rows.graph();
    });
    CAPTURE(static_cast<int>(kind));
    CHECK(run(cluster) == "");
    auto expected = plain_fold(2, 20'000);
    if (kind == PartitionerKind::broadcast)
      for (auto& [key, sum] : expected) sum = {sum.count * 4, sum.sum * 4};
    CHECK(seen->by_key == expected);
    if (kind == PartitionerKind::global) CHECK(seen->rows_by_subtask[0] == 40'000);
  }
}

TEST_CASE("job_runtime: a union ends when all its inputs have, and watermarks are the least of theirs") {
  /// Emits a watermark after each row, then ends.
  class Timed final : public SourceReader {
   public:
    explicit Timed(std::int64_t step) : step_(step) {}
    Result<void> open(OperatorContext& context) override {
      writer_ = std::make_unique<RowWriter>(context.pool());
      return {};
    }
    Result<Progress> poll(SourceOutput& output) override {
      writer_->add({1, 1, now_}, output);
      writer_->flush(output);
      output.emit_watermark(from_ms(now_));
      now_ += step_;
      return now_ > 100 * step_ ? Progress::finished() : Progress::more();
    }

   private:
    const std::int64_t step_;
    std::int64_t now_ = 0;
    std::unique_ptr<RowWriter> writer_;
  };
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 2}, [&] {
    RowGraph rows;
    const auto slow = rows.source(2, [] { return std::make_unique<Timed>(1); });
    const auto fast = rows.source(1, [] { return std::make_unique<Timed>(10); });
    rows.sink(1, {slow, fast}, PartitionerKind::rebalance, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(seen->by_key[1].count == 303);
  REQUIRE(!seen->watermarks.empty());
  CHECK(std::is_sorted(seen->watermarks.begin(), seen->watermarks.end()));
  CHECK(seen->watermarks.back() == to_ms(kEndOfTime));
}

TEST_CASE("job_runtime: random graphs, deployed in random order, agree with a plain fold") {
  const unsigned first_seed = seed();
  for (unsigned run_index = 0; run_index < 6; ++run_index) {
    const unsigned this_seed = first_seed + run_index;
    CAPTURE(this_seed);
    std::mt19937 random(this_seed);
    const auto kinds = std::array{PartitionerKind::hash, PartitionerKind::rebalance, PartitionerKind::shuffle,
                                  PartitionerKind::forward};
    const int sources = static_cast<int>(random() % 3) + 1;
    const int middle = static_cast<int>(random() % 4) + 1;
    const int sinks = static_cast<int>(random() % 4) + 1;
    const std::uint64_t row_count = random() % 30'000 + 1;
    const std::uint32_t rows_per_poll = random() % 1500 + 1;
    const auto first_kind = kinds[random() % (sources == middle ? 4 : 3)];
    const auto second_kind = kinds[random() % (middle == sinks ? 4 : 3)];
    const auto seen = std::make_shared<Seen>();
    ClusterSettings settings{.task_managers = static_cast<int>(random() % 2) + 1, .slots = 2};
    settings.pool_bytes = (std::uint64_t{1} << 20) << random() % 6;
    settings.spin_us = random() % 2 * 20;
    settings.chaining = random() % 2 == 0;
    settings.shuffle_seed = this_seed;
    if (random() % 2 == 0) settings.configuration["execution.buffer-timeout.interval"] = "0";
    EngineCluster cluster(settings, [&] {
      RowGraph rows;
      const auto source = rows.source(sources, source_of(row_count, rows_per_poll));
      const auto mapped = rows.transform(middle, source, first_kind, nothing_done());
      rows.sink(sinks, {mapped}, second_kind, fold_into(seen));
      return rows.graph();
    });
    CHECK(run(cluster) == "");
    CHECK(seen->by_key == plain_fold(sources, row_count));
  }
}

TEST_CASE("job_runtime: a stopped sink stops the source within its buffers, memory stays flat, and nothing is lost") {
  const auto seen = std::make_shared<Seen>();
  std::atomic<bool> is_stopped{true};
  std::atomic<std::uint64_t> made{0};
  ClusterSettings settings{.slots = 2, .pool_bytes = 16u << 20};
  EngineCluster cluster(settings, [&] {
    RowGraph rows;
    const auto source = rows.source(2, [&] {
      return std::make_unique<RowSource>(300'000, 1024, [&](std::uint32_t subtask, std::uint64_t number) {
        made.fetch_add(1, std::memory_order_relaxed);
        return numbered(subtask, number);
      });
    });
    rows.sink(2, {source}, PartitionerKind::hash, fold_into(seen, [&] { return is_stopped.load(); }));
    return rows.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  // It has stopped when two looks apart see the same number, and says that it is held up: on a busy machine it may only
  // not have had its turn.
  std::uint64_t before = 1;
  bool has_backpressure = false;
  for (int look = 0; look < 600 && (made != before || !has_backpressure); ++look) {
    before = made;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    for (const auto& counters : cluster.counters()) has_backpressure |= counters.backpressured_ms() > 0;
  }
  CHECK(made == before);
  CHECK(has_backpressure);
  CHECK(made < 200'000);
  for (std::uint32_t slot = 0; slot < 2; ++slot) {
    const auto usage = cluster.runtime(0).pool_usage(slot);
    CHECK(usage.peak <= usage.limit);
    CHECK(usage.overdraft == 0);
  }
  is_stopped = false;
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(seen->by_key == plain_fold(2, 300'000));
  for (std::uint32_t slot = 0; slot < 2; ++slot) CHECK(cluster.runtime(0).pool_usage(slot).peak <= (8u << 20));
}

TEST_CASE("job_runtime: what user code throws fails its task with type, message and operator") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 1}, [&] {
    RowGraph rows;
    const auto source = rows.source(1, source_of(0));
    const auto thrower = rows.transform(1, source, PartitionerKind::forward, [] {
      return std::make_unique<RowMap>([](Row& row) {
        if (row.value == 5000) throw std::out_of_range("value 5000 is too much");
      });
    });
    rows.sink(1, {thrower}, PartitionerKind::rebalance, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) != "");
  proto::Failure failure;
  for (const auto& report : cluster.reports())
    if (report.status() == proto::FAILED) failure = report.failure();
  CHECK(failure.exception() == "std::out_of_range");
  CHECK(failure.message() == "value 5000 is too much");
  CHECK(failure.stack_trace() == "in operator 'transform-2'");
  CHECK(failure.blame() == proto::RpcError::USER);
  CHECK(failure.timestamp_ms() > 0);
}

TEST_CASE("job_runtime: an exception at opening, of a source, and in the key of an exchange fails the task, too") {
  struct BadOpen final : Operator {
    Result<void> open(OperatorContext&) override { throw 42; }
    void process(std::uint32_t, Batch&, Output&) override {}
  };
  struct BadHasher final : KeyHasher {
    BadHasher() { throw std::runtime_error("no key today"); }
    void hash(const Batch&, std::uint64_t*) override {}
  };
  struct BadSource final : SourceReader {
    Result<Progress> poll(SourceOutput&) override { return Error::user(ErrorCode::not_found, "no such file: /x"); }
  };
  const auto failure_of = [](const EngineCluster::MakeGraph& make_graph) {
    EngineCluster cluster({.slots = 2}, make_graph);
    run(cluster);
    const auto failures = cluster.failures();
    return failures.empty() ? std::string() : failures.front().substr(failures.front().find("): ") + 3);
  };
  CHECK(failure_of([&] {
          RowGraph rows;
          const auto source = rows.source(1, source_of(0));
          rows.sink(1, {source}, PartitionerKind::forward, [] { return std::make_unique<BadOpen>(); });
          return rows.graph();
        }) == "int: an object that is no std::exception was thrown");
  CHECK(failure_of([&] {
          RowGraph rows;
          const auto source = rows.source(1, [] { return std::make_unique<BadSource>(); });
          rows.sink(1, {source}, PartitionerKind::forward, nothing_done());
          return rows.graph();
        }) == "weir::Error (NotFound): no such file: /x");
  CHECK(failure_of([&] {
          RowGraph rows;
          const auto source = rows.source(1, source_of(0));
          const auto sink = rows.sink(2, {source}, PartitionerKind::hash, nothing_done());
          rows.node(sink).inputs[0].make_key_hasher = [] { return std::make_unique<BadHasher>(); };
          return rows.graph();
        }) == "std::runtime_error: no key today");
}

TEST_CASE("job_runtime: cancelling ends tasks that run, that are blocked, and that wait for ever") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 2}, [&] {
    RowGraph rows;
    const auto running = rows.source(1, source_of(0));
    rows.sink(1, {running}, PartitionerKind::rebalance, fold_into(seen));
    const auto blocked = rows.source(2, source_of(0));
    rows.sink(2, {blocked}, PartitionerKind::hash, fold_into(seen, [] { return true; }));
    const auto waiting = rows.source(1, [] { return std::make_unique<RowSource>(0, 1, numbered, 1'000'000); });
    rows.sink(2, {waiting}, PartitionerKind::rebalance, nothing_done());
    return rows.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  cluster.cancel();
  CHECK(cluster.wait_for(proto::CANCELED));
  CHECK(cluster.counters().empty());
  cluster.cancel();  // once more: nothing is there
}

TEST_CASE("job_runtime: stop ends everything at once, also before start and in the middle of a job") {
  {
    EngineCluster never_started({}, [] { return StreamGraph{}; });
    never_started.stop();
  }
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 3}, [&] {
    RowGraph rows;
    const auto source = rows.source(3, source_of(0));
    rows.sink(3, {source}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  cluster.stop();
  CHECK(cluster.failures().empty());
}

TEST_CASE("job_runtime: counters are those of the rows, and time adds up") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 2}, [&] {
    RowGraph rows;
    const auto source = rows.source(2, source_of(10'000));
    rows.sink(2, {source}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t bytes = 0;
  for (const auto& report : cluster.reports()) {
    in += report.counters().records_in();
    out += report.counters().records_out();
    bytes += report.counters().bytes_in();
  }
  CHECK(in == 20'000);
  CHECK(out == 20'000);
  CHECK(bytes == 20'000 * sizeof(Row));
}

TEST_CASE("job_runtime: an idle job uses less than half a percent of a core") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster({.slots = 4, .spin_us = 30}, [&] {
    RowGraph rows;
    const auto source = rows.source(4, [] { return std::make_unique<RowSource>(0, 1, numbered, 10'000'000); });
    rows.sink(4, {source}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  cluster.stop();
  // What the loops used is seen by the whole process; the test itself sleeps.
  EngineCluster other({.slots = 4, .spin_us = 30}, [&] {
    RowGraph rows;
    const auto source = rows.source(4, [] { return std::make_unique<RowSource>(0, 1, numbered, 10'000'000); });
    rows.sink(4, {source}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  REQUIRE(other.start().ok());
  REQUIRE(other.deploy().ok());
  REQUIRE(other.wait_for(proto::RUNNING));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the first row goes through
  timespec before{};
  timespec after{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double used =
      static_cast<double>(after.tv_sec - before.tv_sec) + 1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec);
  CHECK(used < 0.4 * 0.02);  // most of it is the test's own accept thread
}

TEST_CASE("job_runtime: a build function that makes another graph is refused with the operator's name") {
  int calls = 0;
  EngineCluster cluster({}, [&] {
    RowGraph rows;
    const auto source = rows.source(1, source_of(1));
    const auto sink = rows.sink(1, {source}, PartitionerKind::forward, nothing_done());
    if (calls++ > 0) rows.node(sink).name = "another";
    return rows.graph();
  });
  const auto started = cluster.start();
  REQUIRE(!started.ok());
  CHECK(started.error().message.find("another") != std::string::npos);
  CHECK(started.error().message.find("every time") != std::string::npos);
}

TEST_CASE("job_runtime: 64 by 64 subtasks on 64 slots exchange by key within their buffers") {
  const auto seen = std::make_shared<Seen>();
  ClusterSettings settings{.slots = 64, .pool_bytes = std::uint64_t{64} * 12 << 20};
  EngineCluster cluster(settings, [&] {
    RowGraph rows;
    const auto source = rows.source(64, source_of(20'000));
    rows.sink(64, {source}, PartitionerKind::hash, fold_into(seen));
    return rows.graph();
  });
  CHECK(run(cluster) == "");
  CHECK(seen->by_key == plain_fold(64, 20'000));
  // All blocks are home soon after the last task's end: each slot takes in its own before it sleeps.
  const auto used = [&] {
    std::uint64_t bytes = 0;
    for (std::uint32_t slot = 0; slot < 64; ++slot) bytes += cluster.runtime(0).pool_usage(slot).used;
    return bytes;
  };
  for (int look = 0; look < 2000 && used() != 0; ++look) {
    cluster.cancel();  // wakes the slots
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(used() == 0);
  std::uint64_t peak = 0;
  for (std::uint32_t slot = 0; slot < 64; ++slot) {
    const auto usage = cluster.runtime(0).pool_usage(slot);
    CHECK(usage.peak <= usage.limit);
    peak = std::max(peak, usage.peak);
  }
  MESSAGE("largest pool: " << peak / 1024 << " KiB of " << cluster.runtime(0).pool_usage(0).limit / 1024);
}
