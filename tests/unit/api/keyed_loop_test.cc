// The loop of keyed operators over a batch: keys are read some rows ahead, while states come and go.
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "tests/support/seed.h"
#include "weir/testing.h"

using namespace weir;           // NOLINT
using namespace weir::test;     // NOLINT
using namespace weir::testing;  // NOLINT

namespace {

enum class Act : std::int32_t { add, clear, clear_and_add, look };

/// Decoded into an object that is used again.
struct Event {
  std::int64_t key = 0;
  std::string name;
  std::int64_t act = 0;
};
/// Its text is a view into the block.
struct View {
  std::int64_t key = 0;
  Text name;
  std::int64_t act = 0;
};
/// Lies in the block as it is.
struct Plain {
  std::int64_t key = 0;
  std::int64_t act = 0;
};

struct Outcome {
  std::string key;
  std::int64_t count = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::string name_of(std::int64_t key) { return "name-" + std::to_string(key * 7919); }

template <class K>
std::string shown(const K& key) {
  if constexpr (std::is_arithmetic_v<K>) {
    return std::to_string(key);
  } else if constexpr (requires { key.first; }) {
    return shown(key.first) + "/" + shown(key.second);
  } else {
    return std::string(std::string_view(key.data(), key.size()));
  }
}

/// Counts, with one state or two, and drops its states when it is told so.
template <class T, class K, bool kTwoStates>
struct CountAndClear {
  ValueState<std::int64_t> count;
  ValueState<std::string> other;
  void open(RuntimeContext& context) {
    count = context.value_state<std::int64_t>("count");
    if (kTwoStates) other = context.value_state<std::string>("other");
  }
  void process(const T& record, KeyedContext<K>& context, Collector<Outcome>& out) {
    const auto act = static_cast<Act>(record.act);
    if (act == Act::clear || act == Act::clear_and_add) {
      count.clear();
      if (kTwoStates) other.clear();
    }
    if (act == Act::add || act == Act::clear_and_add) {
      ++count.edit();
      if (kTwoStates) other.update(shown(context.key()));
    }
    if (kTwoStates && other.has_value()) CHECK(*other.get() == shown(context.key()));
    out.collect({shown(context.key()), count.value_or(0)});
  }
};

template <class T>
T record_of(std::int64_t key, const std::string& name, std::int64_t act) {
  if constexpr (std::is_same_v<T, Plain>) {
    return {key, act};
  } else if constexpr (std::is_same_v<T, View>) {
    return {key, Text::borrow(name), act};
  } else {
    return {key, name, act};
  }
}

/// Batches of random sizes over keys that are new, come again, go, and come back, against a map.
template <class T, class K, bool kTwoStates, class Key>
void compare_with_map(Key key_of, const std::function<std::string(std::int64_t)>& shown_key) {
  CAPTURE(seed());
  std::mt19937 random(seed());
  OperatorHarness<T, Outcome> harness(
      [&](auto records) { return records.key_by(key_of).process(CountAndClear<T, K, kTwoStates>{}); });
  std::map<std::int64_t, std::int64_t> counts;
  for (int round = 0; round < 30; ++round) {
    // Some rounds fill the table, so that it grows within a batch; some empty it, so that it shrinks.
    const std::int64_t keys = std::int64_t{1} << (random() % 13);
    const bool empties = round % 4 == 3;
    const std::size_t rows = 1 + random() % 2000;
    std::vector<std::string> names;
    names.reserve(rows);
    std::vector<T> batch;
    std::vector<Outcome> expected;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto key = static_cast<std::int64_t>(random()) % keys;
      const auto act = empties && random() % 8 != 0 ? Act::clear : static_cast<Act>(random() % 4);
      names.push_back(name_of(key));
      batch.push_back(record_of<T>(key, names.back(), static_cast<std::int64_t>(act)));
      if (act == Act::clear || act == Act::clear_and_add) counts.erase(key);
      if (act == Act::add || act == Act::clear_and_add) ++counts[key];
      const auto found = counts.find(key);
      expected.push_back({shown_key(key), found == counts.end() ? 0 : found->second});
    }
    harness.push_all(batch);
    CHECK(harness.take() == expected);
  }
}

std::string number(std::int64_t key) { return std::to_string(key); }

}  // namespace

TEST_CASE("keyed loop: numbers as keys, states that come and go within a batch") {
  compare_with_map<Plain, std::int64_t, false>(&Plain::key, number);
  compare_with_map<Plain, std::int64_t, true>(&Plain::key, number);
  compare_with_map<Event, std::int64_t, false>(&Event::key, number);
}

TEST_CASE("keyed loop: texts as keys, in the block and in a record that is used again") {
  compare_with_map<View, Text, false>(&View::name, name_of);
  compare_with_map<Event, std::string, false>(&Event::name, name_of);
  compare_with_map<Event, std::string, true>(&Event::name, name_of);
}

TEST_CASE("keyed loop: keys that a function makes hold until their row is processed") {
  compare_with_map<Event, std::string, false>([](const Event& event) { return "k" + event.name; },
                                              [](std::int64_t key) { return "k" + name_of(key); });
  compare_with_map<Event, std::string, false>([](const Event& event) -> const std::string& { return event.name; },
                                              name_of);
  compare_with_map<Event, std::string, true>([](const Event& event) { return std::string_view(event.name).substr(2); },
                                             [](std::int64_t key) { return name_of(key).substr(2); });
  compare_with_map<View, std::string, false>([](const View& view) { return view.name; }, name_of);
  compare_with_map<Plain, std::int64_t, false>([](const Plain& plain) { return plain.key * 3; },
                                               [](std::int64_t key) { return number(key * 3); });
  compare_with_map<Event, std::pair<std::int64_t, std::string>, false>(
      [](const Event& event) { return std::pair(event.key, event.name); },
      [](std::int64_t key) { return number(key) + "/" + name_of(key); });
  compare_with_map<View, std::pair<std::int64_t, Text>, false>(
      [](const View& view) { return std::pair(view.key, view.name); },
      [](std::int64_t key) { return number(key) + "/" + name_of(key); });
}

TEST_CASE("keyed loop: a function that makes keys is called once for each row of a keyed operator") {
  auto calls = std::make_shared<int>(0);
  StreamExecutionEnvironment env;
  env.from_collection<Plain>({})
      .key_by([calls](const Plain& plain) {
        ++*calls;
        return plain.key;
      })
      .process(CountAndClear<Plain, std::int64_t, false>{});
  const StreamGraph graph = env.graph();
  FakeOperatorContext context;
  const auto op = graph.operators.back().make_operator();
  REQUIRE(op->open(context).ok());
  struct Drop final : Output {
    void emit(Batch&) override {}
    void emit_side(std::uint32_t, Batch&) override {}
    void emit_watermark(EventTime) override {}
  } drop;
  Collector<Plain> collector(context);
  struct Into final : Output {
    Into(Operator& op, Output& next) : op(op), next(next) {}
    void emit(Batch& batch) override { op.process(0, batch, next); }
    void emit_side(std::uint32_t, Batch&) override {}
    void emit_watermark(EventTime) override {}
    Operator& op;
    Output& next;
  } into(*op, drop);
  collector.bind(into);
  *calls = 0;
  for (std::int64_t row = 0; row < 40'000; ++row) collector.collect({row % 30'000, 0});
  collector.flush();
  CHECK(*calls == 40'000);
  op->close();
}
