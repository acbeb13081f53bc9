// Counts what the whole process takes from the heap while rows run through built-in operators and exchanges: nothing,
// once everything has grown to its size. A binary of its own, because it replaces operator new for all of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/engine_cluster.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/taskmanager/allocations/counting_heap.h"
#include "weir/environment.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

// Of each of two source subtasks. A first part is passed over: everything grows. Then come windows of a million rows of
// both together; the last part is passed over, too: the other subtask may end.
constexpr std::int64_t kWindowRows = 500'000;
constexpr int kWindows = 4;
constexpr std::int64_t kRows = kWindowRows * (kWindows + 2);
constexpr std::int64_t kKeys = 1000;

/// Lies in a block as it is.
struct Plain {
  std::int64_t key = 0;
  std::int64_t value = 0;
};
/// Has views into the block.
struct Line {
  std::int64_t key = 0;
  std::int64_t value = 0;
  Text text;
};
/// Owns what it holds: decoded into an object that is used again.
struct Owning {
  std::int64_t key = 0;
  std::string name;
  std::vector<std::int64_t> values;
  std::optional<std::string> note;
};

void make(std::int64_t number, Plain& row) { row = {number % kKeys, number}; }
void make(std::int64_t number, Line& row) {
  static constexpr std::string_view kText = "select * from orders where id = 1234567 and state = 'paid' limit 10";
  row = {number % kKeys, number, Text::borrow(kText.substr(0, static_cast<std::size_t>(20 + number % 40)))};
}
void make(std::int64_t number, Owning& row) {
  row.key = number % kKeys;
  row.name.assign(40, static_cast<char>('a' + number % 20));
  row.values.assign(static_cast<std::size_t>(4 + number % 4), number);
  if (!row.note) row.note.emplace();
  row.note->assign("a note that is longer than what a string holds within itself");
}

/// What the heap's count was at the borders of the windows: seen by the first subtask of the source.
struct Looks {
  std::uint64_t at[kWindows + 1] = {};
  /// The least of the windows: a queue that reaches a new length in one of them is not what is looked for.
  std::uint64_t least() const {
    std::uint64_t least = UINT64_MAX;
    for (int window = 0; window < kWindows; ++window) least = std::min(least, at[window + 1] - at[window]);
    return least;
  }
};

template <class T>
class WindowReader final : public SourceReader {
 public:
  explicit WindowReader(std::shared_ptr<Looks> looks) : looks_(std::move(looks)) {}
  Result<void> open(OperatorContext& context) override {
    is_first_ = context.subtask_index() == 0;
    collector_ = std::make_unique<Collector<T>>(context);
    return {};
  }
  Result<Progress> poll(SourceOutput& output) override {
    collector_->bind(output);
    for (int row = 0; row < 1000 && number_ < kRows; ++row, ++number_) {
      const std::int64_t border = number_ / kWindowRows - 1;
      if (is_first_ && number_ % kWindowRows == 0 && border >= 0 && border <= kWindows)
        looks_->at[border] = allocations();
      make(number_, row_);
      collector_->collect(row_);
    }
    collector_->flush();
    return number_ < kRows ? Progress::more() : Progress::finished();
  }

 private:
  const std::shared_ptr<Looks> looks_;
  bool is_first_ = false;
  std::int64_t number_ = 0;
  T row_;
  std::unique_ptr<Collector<T>> collector_;
};

template <class T>
class WindowSource final : public Source<T> {
 public:
  explicit WindowSource(std::shared_ptr<Looks> looks) : looks_(std::move(looks)) {}
  std::string name() const override { return "Window"; }
  bool bounded() const override { return true; }
  std::unique_ptr<SourceReader> make_reader() const override { return std::make_unique<WindowReader<T>>(looks_); }

 private:
  std::shared_ptr<Looks> looks_;
};

/// Takes everything.
template <class T>
class Discard final : public Sink<T> {
 public:
  std::string name() const override { return "Discard"; }
  std::unique_ptr<Operator> make_writer() const override {
    class Writer final : public Operator {
      void process(std::uint32_t, Batch&, Output&) override {}
    };
    return std::make_unique<Writer>();
  }
};

template <class T>
struct CountPerKey {
  ValueState<std::int64_t> count;
  void open(RuntimeContext& context) { count = context.value_state<std::int64_t>("count"); }
  void process(const T& row, KeyedContext<std::int64_t>&, Collector<T>& out) {
    ++count.edit();
    out.collect(row);
  }
};

struct KeepBoth {
  ValueState<std::int64_t> seen;
  void open(RuntimeContext& context) { seen = context.value_state<std::int64_t>("seen"); }
  void flat_map1(const Plain& row, Collector<Plain>& out) { out.collect({row.key, ++seen.edit()}); }
  void flat_map2(const std::int64_t& value, Collector<Plain>& out) { out.collect({value, ++seen.edit()}); }
};

const OutputTag<std::int64_t> kSide{"side"};

template <class T>
struct Split {
  void process(const T& row, RuntimeContext& context, Collector<T>& out) {
    if (row.key % 3 == 0) context.output(kSide, row.key);
    out.collect(row);
  }
};

/// Every operator that there is, on two slots, with exchanges of all kinds between them.
template <class T>
void build(StreamExecutionEnvironment& env, const std::shared_ptr<Looks>& looks) {
  env.set_parallelism(2);
  const auto source = env.from_source(WindowSource<T>(looks));
  const auto changed = source.filter(
                                 [](const T& row) {
    return row.key % 7 != 0;
  }).flat_map([](const T& row, Collector<T>& out) {
      out.collect(row);
    }).process(Split<T>{});
  changed.side_output(kSide).sink_to(Discard<std::int64_t>());
  const auto counted = changed.key_by(&T::key).process(CountPerKey<T>{});
  const auto spread = counted.rebalance().map([](const T& row) { return Plain{row.key, 1}; });
  const auto other = counted.shuffle().map([](const T& row) { return Plain{row.key, 2}; });
  const auto joined = spread.connect(other.global().map([](const Plain& row) { return row.value; }))
                          .key_by(&Plain::key, [](std::int64_t value) { return value; })
                          .flat_map(KeepBoth{});
  spread
      .union_with(other,
                  joined.partition_custom(
                      [](std::int64_t key, int subtasks) { return static_cast<int>(key) % subtasks; }, &Plain::key))
      .key_by([](const Plain& row) { return row.key; })
      .reduce([](const Plain& a, const Plain& b) {
        return Plain{a.key, a.value + b.value};
      })
      .broadcast()
      .filter([](const Plain& row) { return row.value % 2 == 0; })
      .rescale()
      .sink_to(Discard<Plain>());
}

/// Folds per key whose records have texts: those kept so far, those of the last record, and both in turn.
void build_text_folds(StreamExecutionEnvironment& env, const std::shared_ptr<Looks>& looks) {
  env.set_parallelism(2);
  const auto lines = env.from_source(WindowSource<Line>(looks)).key_by(&Line::key);
  lines.reduce(
           [](const Line& a, const Line& b) {
    return Line{a.key, a.value + b.value, a.text};
  }).sink_to(Discard<Line>());
  lines.reduce(
           [](const Line& a, const Line& b) {
    return Line{a.key, a.value + b.value, b.text};
  }).sink_to(Discard<Line>());
  lines.reduce(
           [](const Line& a, const Line& b) {
    return a.text.size() < b.text.size() ? a : b;
  }).sink_to(Discard<Line>());
}

using Build = void (*)(StreamExecutionEnvironment&, const std::shared_ptr<Looks>&);

std::uint64_t allocations_of(const ClusterSettings& settings, Build build_job) {
  const auto looks = std::make_shared<Looks>();
  EngineCluster cluster(settings, [&] {
    StreamExecutionEnvironment env;
    build_job(env, looks);
    return env.take_graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::FINISHED, std::chrono::minutes(2)));
  REQUIRE(looks->at[kWindows] > 0);
  return looks->least();
}

}  // namespace

constexpr const char* kReplaced = "the count is of operator new, which the sanitizer replaces";
constexpr const char* kTooSlow = "a million rows take longer than the case may";

TEST_CASE("allocations: none in a million rows between two slots of one process, whatever the record" *
          weir::test::not_under(weir::Sanitizer::address, kReplaced) *
          weir::test::not_under(weir::Sanitizer::thread, kTooSlow)) {
  CHECK(allocations_of({.slots = 2}, build<Plain>) == 0);
  CHECK(allocations_of({.slots = 2}, build<Line>) == 0);
  CHECK(allocations_of({.slots = 2}, build<Owning>) == 0);
}

TEST_CASE("allocations: none in a million rows that are folded per key and have texts" *
          weir::test::not_under(weir::Sanitizer::address, kReplaced) *
          weir::test::not_under(weir::Sanitizer::thread, kTooSlow)) {
  CHECK(allocations_of({.slots = 2}, build_text_folds) == 0);
}

TEST_CASE("allocations: none in a million rows between two processes" *
          weir::test::not_under(weir::Sanitizer::address, kReplaced) *
          weir::test::not_under(weir::Sanitizer::thread, kTooSlow)) {
  CHECK(allocations_of({.task_managers = 2, .slots = 1}, build<Plain>) == 0);
  CHECK(allocations_of({.task_managers = 2, .slots = 1}, build<Line>) == 0);
}

TEST_CASE("allocations: the count counts" * weir::test::not_under(weir::Sanitizer::address, kReplaced)) {
  const std::uint64_t before = allocations();
  const auto kept = std::make_unique<std::string>(100, 'x');
  CHECK(allocations() >= before + 2);
}
