// What operators emit at watermarks, timers and ends goes out block by block, as far as there is room.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "weir/datastream.h"
#include "weir/sink.h"
#include "weir/testing.h"

using namespace weir;           // NOLINT
using namespace weir::testing;  // NOLINT

namespace {

constexpr int kKeys = 40'000;
/// Of a channel that nobody reads, one that waits for room in it, and those that operators and exchanges have open.
constexpr int kBlocksMax = 16 + 8;

/// One timer per key; it emits the key.
struct Alarms {
  std::int64_t at_ms = 1000;
  bool is_event = true;
  void process(const std::int64_t&, KeyedContext<std::int64_t>& context, Collector<std::int64_t>&) {
    if (is_event) {
      context.register_event_timer(from_ms(at_ms));
    } else {
      context.register_processing_timer(from_ms(at_ms));
    }
  }
  void on_timer(EventTime, KeyedContext<std::int64_t>& context, Collector<std::int64_t>& out) {
    out.collect(context.key());
  }
};

std::vector<std::int64_t> numbers(int count) {
  std::vector<std::int64_t> numbers;
  for (int number = 0; number < count; ++number) numbers.push_back(number);
  return numbers;
}
std::set<std::int64_t> set_of(const std::vector<std::int64_t>& numbers) { return {numbers.begin(), numbers.end()}; }
std::int64_t itself(std::int64_t number) { return number; }

/// What a slow sink's writer has seen.
struct SlowSeen {
  std::size_t rows = 0;
  std::size_t waiting_max = 0;  ///< rows that it was given while it had not put away what it had
  std::vector<std::string> order;
};

/// Puts a batch away within a millisecond, and says so.
class SlowSink final : public Sink<std::int64_t> {
 public:
  explicit SlowSink(std::shared_ptr<SlowSeen> seen) : seen_(std::move(seen)) {}
  std::string name() const override { return "slow"; }
  std::unique_ptr<Operator> make_writer() const override { return std::make_unique<Writer>(seen_); }

 private:
  class Writer final : public Operator {
   public:
    explicit Writer(std::shared_ptr<SlowSeen> seen) : seen_(std::move(seen)) {}
    Result<void> open(OperatorContext& context) override {
      context_ = &context;
      return {};
    }
    void process(std::uint32_t, Batch& batch, Output&) override {
      waiting_ += batch.count();
      seen_->rows += batch.count();
      seen_->waiting_max = std::max(seen_->waiting_max, waiting_);
      done_ms_ = context_->now_ms() + 1;
    }
    Result<Progress> ready(Output&) override {
      if (waiting_ > 0 && context_->now_ms() < done_ms_) return Progress::blocked_until(done_ms_);
      waiting_ = 0;
      return Progress::more();
    }

   private:
    const std::shared_ptr<SlowSeen> seen_;
    OperatorContext* context_ = nullptr;
    std::size_t waiting_ = 0;
    std::int64_t done_ms_ = 0;
  };
  const std::shared_ptr<SlowSeen> seen_;
};

}  // namespace

TEST_CASE(
    "back-pressure: tens of thousands of event timers at one watermark wait until there is room for what they emit") {
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) { return numbers.key_by(itself).process(Alarms{}); });
  harness.push_all(numbers(kKeys));
  harness.block_output();
  harness.watermark(from_ms(2000));
  CHECK(harness.take().empty());
  CHECK(harness.blocks_out() <= kBlocksMax);
  harness.unblock_output();
  const auto out = harness.take();
  CHECK(out.size() == kKeys);
  CHECK(set_of(out) == set_of(numbers(kKeys)));
}

TEST_CASE("back-pressure: records that come behind a watermark wait until its timers have fired") {
  struct Count {
    ValueState<std::int64_t> count;
    void open(RuntimeContext& context) { count = context.value_state<std::int64_t>("count"); }
    void process(const std::int64_t&, KeyedContext<std::int64_t>& context, Collector<std::int64_t>&) {
      ++count.edit();
      context.register_event_timer(from_ms(1000));
    }
    void on_timer(EventTime, KeyedContext<std::int64_t>&, Collector<std::int64_t>& out) { out.collect(*count.get()); }
  };
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) { return numbers.key_by(itself).process(Count{}); });
  harness.push_all(numbers(kKeys));
  harness.block_output();
  harness.watermark(from_ms(1000));
  harness.push_all(numbers(kKeys));
  harness.unblock_output();
  const auto out = harness.take();
  CHECK(out.size() == kKeys);
  CHECK(set_of(out) == std::set<std::int64_t>{1});
}

TEST_CASE("back-pressure: processing timers wait until there is room for what they emit") {
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) { return numbers.key_by(itself).process(Alarms{.is_event = false}); });
  harness.push_all(numbers(kKeys));
  harness.block_output();
  harness.advance_to(from_ms(5000));
  CHECK(harness.blocks_out() <= kBlocksMax);
  harness.unblock_output();
  CHECK(set_of(harness.take()) == set_of(numbers(kKeys)));
}

TEST_CASE("back-pressure: processing timers wait while a sink in their chain does") {
  const auto seen = std::make_shared<SlowSeen>();
  OperatorHarness<std::int64_t, std::int64_t> harness([&](auto numbers) {
    auto alarms = numbers.key_by(itself).process(Alarms{.is_event = false});
    alarms.sink_to(SlowSink(seen));
    return alarms;
  });
  harness.push_all(numbers(kKeys));
  harness.advance_to(from_ms(5000));
  CHECK(seen->rows == kKeys);
  CHECK(seen->waiting_max <= kBlockRowsMax);
}

TEST_CASE("back-pressure: a reduce in a batch job emits its keys block by block, also those of one key group") {
  HarnessOptions options;
  options.settings["execution.runtime-mode"] = "BATCH";
  options.max_parallelism = 1;
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) { return numbers.key_by(itself).reduce([](std::int64_t a, std::int64_t) { return a; }); },
      options);
  harness.push_all(numbers(kKeys));
  harness.block_output();
  harness.end();
  CHECK(harness.blocks_out() <= kBlocksMax);
  harness.unblock_output();
  CHECK(set_of(harness.take()) == set_of(numbers(kKeys)));
}

TEST_CASE("back-pressure: a sink that fills while the operator before it ends gets no more before it has room") {
  const auto seen = std::make_shared<SlowSeen>();
  HarnessOptions options;
  options.settings["execution.runtime-mode"] = "BATCH";
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [&](auto numbers) {
    auto reduced = numbers.key_by(itself).reduce([](std::int64_t a, std::int64_t) { return a; });
    reduced.sink_to(SlowSink(seen));
    return reduced;
      },
      options);
  harness.push_all(numbers(kKeys));
  harness.end();
  CHECK(seen->rows <= kBlockRowsMax);
  harness.advance_to(from_ms(1000));
  CHECK(seen->rows == kKeys);
  CHECK(seen->waiting_max <= kBlockRowsMax);
  CHECK(harness.take().size() == kKeys);
}

TEST_CASE("back-pressure: all timers that are left fire at the end, before the end reaches who is behind") {
  const auto seen = std::make_shared<SlowSeen>();
  OperatorHarness<std::int64_t, std::int64_t> harness([&](auto numbers) {
    auto alarms = numbers.key_by(itself).process(Alarms{});
    alarms.sink_to(SlowSink(seen));
    return alarms;
  });
  harness.push_all(numbers(kKeys));
  harness.end();
  harness.advance_to(from_ms(1000));
  CHECK(seen->rows == kKeys);
  CHECK(seen->waiting_max <= kBlockRowsMax);
}
