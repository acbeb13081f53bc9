#include "weir/keyed_backend.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/map_backend.h"
#include "weir/datastream.h"
#include "weir/testing.h"

using namespace weir;           // NOLINT
using namespace weir::test;     // NOLINT
using namespace weir::testing;  // NOLINT

namespace {

struct Change {
  std::string name;
  std::int64_t value = 0;
};

/// Two states that come and go by themselves, and a timer for some keys.
struct Ledger {
  ValueState<std::int64_t> sum;
  ValueState<std::int64_t> count;
  void open(RuntimeContext& context) {
    sum = context.value_state<std::int64_t>("sum");
    count = context.value_state<std::int64_t>("count");
  }
  void process(const Change& change, KeyedContext<std::string>& context, Collector<std::string>& out) {
    if (change.value % 7 == 0) sum.clear();
    if (change.value % 11 == 0) count.clear();
    if (change.value % 13 == 0) context.register_event_timer(context.timestamp());
    sum.edit() += change.value;
    ++count.edit();
    out.collect(change.name + " " + std::to_string(*sum.get()) + " " + std::to_string(count.value_or(-1)));
  }
  void on_timer(EventTime, KeyedContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key().str() + " timer " + std::to_string(sum.value_or(-1)));
    sum.clear();
  }
};

DataStream<std::string> ledger(DataStream<Change> changes) { return changes.key_by(&Change::name).process(Ledger{}); }

HarnessOptions with_backend(const std::shared_ptr<BackendCalls>& calls, std::size_t cached_keys_max) {
  HarnessOptions options;
  options.make_keyed_backend = [=] { return std::make_unique<MapBackend>(calls, cached_keys_max); };
  return options;
}

/// The same random changes for every harness.
void feed(OperatorHarness<Change, std::string>& harness, unsigned seed, int batches, std::int64_t from = 0) {
  std::mt19937 random(seed);
  for (int batch = 0; batch < batches; ++batch) {
    for (int row = 0; row < 50; ++row) {
      const auto value = static_cast<std::int64_t>(random() % 1000);
      harness.push({"key" + std::to_string(random() % 60), value}, from_ms(from + batch * 100 + row));
    }
    harness.watermark(from_ms(from + batch * 100));
  }
}

}  // namespace

TEST_CASE("keyed backend: an operator does the same with it as without, however few keys are cached") {
  for (const std::size_t cached : {0u, 7u, 1'000'000u}) {
    CAPTURE(cached);
    const auto calls = std::make_shared<BackendCalls>();
    OperatorHarness<Change, std::string> memory(ledger);
    OperatorHarness<Change, std::string> backed(ledger, with_backend(calls, cached));
    feed(memory, 5, 40);
    feed(backed, 5, 40);
    const auto expected = memory.take();
    CHECK(expected.size() > 2000);
    CHECK(backed.take() == expected);
    CHECK(calls->loads > 0);
    CHECK(calls->stores > 0);
  }
}

TEST_CASE("keyed backend: keys of a batch are loaded together, and not again while they are cached") {
  const auto calls = std::make_shared<BackendCalls>();
  OperatorHarness<Change, std::string> harness(ledger, with_backend(calls, 1000));
  std::vector<Change> batch;
  for (int i = 0; i < 500; ++i) batch.push_back({"key" + std::to_string(i % 100), 1});
  harness.push_all(batch);
  CHECK(calls->loads == 1);
  CHECK(calls->loaded_keys == 100);
  CHECK(calls->stores == 1);
  harness.push_all(batch);
  CHECK(calls->loads == 1);
  CHECK(calls->stores == 2);
}

TEST_CASE("keyed backend: a snapshot that one backend took is restored by the other, also at another parallelism") {
  const auto calls = std::make_shared<BackendCalls>();
  for (const bool is_from_memory : {true, false}) {
    CAPTURE(is_from_memory);
    OperatorHarness<Change, std::string> first(ledger, is_from_memory ? HarnessOptions{} : with_backend(calls, 5));
    feed(first, 9, 20);
    first.take();
    const std::string saved = first.snapshot();
    feed(first, 10, 20, 10'000);
    std::multiset<std::string> expected;
    for (const auto& line : first.take()) expected.insert(line);
    std::multiset<std::string> out;
    for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
      HarnessOptions options = is_from_memory ? with_backend(calls, 5) : HarnessOptions{};
      options.subtask_index = subtask;
      options.parallelism = 3;
      OperatorHarness<Change, std::string> part(ledger, options, saved);
      feed(part, 10, 20, 10'000);
      for (const auto& line : part.take()) out.insert(line);
    }
    CHECK(out == expected);
  }
}

TEST_CASE("keyed backend: a reduce in a batch job emits what the backend holds, key group by key group") {
  const auto calls = std::make_shared<BackendCalls>();
  HarnessOptions options = with_backend(calls, 3);
  options.settings["execution.runtime-mode"] = "BATCH";
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) {
    return numbers.key_by([](std::int64_t n) { return n % 100; }).reduce([](std::int64_t a, std::int64_t b) {
      return a + b;
    });
      },
      options);
  std::vector<std::int64_t> input;
  std::multiset<std::int64_t> expected;
  for (std::int64_t n = 0; n < 1000; ++n) input.push_back(n);
  for (std::int64_t key = 0; key < 100; ++key) expected.insert(10 * key + 4500);
  harness.push_all(input);
  harness.end();
  const auto out = harness.take();
  CHECK(std::multiset<std::int64_t>(out.begin(), out.end()) == expected);
}

TEST_CASE(
    "keyed backend: what it can't load fails the job with its sentence, and no record is processed without state") {
  const auto calls = std::make_shared<BackendCalls>();
  HarnessOptions options;
  options.make_keyed_backend = [=] {
    auto backend = std::make_unique<MapBackend>(calls, 0);
    backend->fails = true;
    return backend;
  };
  OperatorHarness<Change, std::string> harness(ledger, options);
  CHECK_THROWS_WITH(harness.push({"a", 1}), "the disk is gone");
  CHECK(harness.take().empty());
}
