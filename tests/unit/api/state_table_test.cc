#include "weir/detail/state/state_table.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "weir/datastream.h"
#include "weir/detail/state/keyed_states.h"
#include "weir/testing.h"

using namespace weir;           // NOLINT
using namespace weir::detail;   // NOLINT
using namespace weir::test;     // NOLINT
using namespace weir::testing;  // NOLINT

namespace {

/// A table of one int64 per key.
struct Numbers {
  Numbers() {
    EntryLayout layout;
    layout.add(value_kind<std::int64_t>());
    table.seal(layout, {0, 128}, 128);
  }
  std::int64_t& at(std::int64_t key) {
    bool inserted = false;
    std::uint8_t* const entry = table.find_or_insert(key_hash(key), key, inserted);
    table.note(inserted ? Mutation::make : Mutation::change, entry, 0);
    return *static_cast<std::int64_t*>(table.layout().value(entry, 0));
  }
  void erase(std::int64_t key) { table.erase(key_hash(key), key); }
  std::map<std::int64_t, std::int64_t> all() {
    std::map<std::int64_t, std::int64_t> all;
    for (std::uint32_t group = 0; group < 128; ++group) {
      table.for_each_in_group(group, [&](std::uint8_t* entry) {
        all[StateTable<std::int64_t>::key(entry)] = *static_cast<std::int64_t*>(table.layout().value(entry, 0));
      });
    }
    return all;
  }
  StateTable<std::int64_t> table;
};

/// Keeps what keys had before their first mutation: what a snapshot that goes on beside them writes.
class Undo final : public EntryWatcher {
 public:
  explicit Undo(Numbers& numbers) : numbers_(numbers) {}
  void on_mutation(Mutation mutation, std::uint8_t* entry, std::uint32_t) override {
    ++mutations[mutation];
    const std::int64_t key = StateTable<std::int64_t>::key(entry);
    if (before.contains(key)) return;
    before[key] = mutation == Mutation::make ? std::optional<std::int64_t>()
                                             : *static_cast<std::int64_t*>(numbers_.table.layout().value(entry, 0));
  }
  /// Everything as it was when the watching began.
  std::map<std::int64_t, std::int64_t> then() {
    std::map<std::int64_t, std::int64_t> all = numbers_.all();
    for (const auto& [key, value] : before) {
      if (value) {
        all[key] = *value;
      } else {
        all.erase(key);
      }
    }
    return all;
  }
  std::map<std::int64_t, std::optional<std::int64_t>> before;
  std::map<Mutation, int> mutations;

 private:
  Numbers& numbers_;
};

}  // namespace

TEST_CASE("state table: memory goes when keys go, and what is left is found") {
  Numbers numbers;
  for (std::int64_t key = 0; key < 300'000; ++key) numbers.at(key) = key;
  const std::size_t full = numbers.table.place_bytes();
  for (std::int64_t key = 0; key < 300'000; ++key)
    if (key % 1000 != 0) numbers.erase(key);
  CHECK(numbers.table.place_bytes() < full / 20);
  CHECK(numbers.table.size() == 300);
  for (std::int64_t key = 0; key < 300'000; key += 1000) CHECK(numbers.at(key) == key);
  for (std::int64_t key = 0; key < 300'000; key += 1000) numbers.erase(key);
  CHECK(numbers.table.size() == 0);
  CHECK(numbers.table.place_bytes() < full / 100);
}

TEST_CASE("state table: a key that comes and goes takes no memory anew") {
  Numbers numbers;
  for (std::int64_t key = 0; key < 1000; ++key) numbers.at(key) = 1;
  for (std::int64_t key = 0; key < 1000; ++key) numbers.erase(key);
  const std::size_t bytes = numbers.table.place_bytes();
  for (int round = 0; round < 100; ++round) {
    numbers.at(7) = round;
    CHECK(numbers.table.place_bytes() == bytes);
    numbers.erase(7);
    CHECK(numbers.table.place_bytes() == bytes);
  }
}

TEST_CASE("state table: random changes agree with a map, through growing and shrinking") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Numbers numbers;
    std::map<std::int64_t, std::int64_t> expected;
    for (int phase = 0; phase < 6; ++phase) {
      const unsigned erase_percent = phase % 2 == 0 ? 10 : 90;
      for (int step = 0; step < 30'000; ++step) {
        const auto key = static_cast<std::int64_t>(random() % 20'000);
        if (random() % 100 < erase_percent) {
          numbers.erase(key);
          expected.erase(key);
        } else {
          numbers.at(key) = step;
          expected[key] = step;
        }
      }
      CHECK(numbers.all() == expected);
    }
  }
}

TEST_CASE("state table: a walk in steps visits every entry once") {
  Numbers numbers;
  for (std::int64_t key = 0; key < 5000; ++key) numbers.at(key) = key;
  std::map<std::int64_t, int> visits;
  StateTable<std::int64_t>::Cursor cursor;
  bool has_more = true;
  while (has_more) {
    std::uint32_t visited = 0;
    has_more = numbers.table.visit_some(cursor, 64, [&](std::uint8_t* entry) {
      ++visits[StateTable<std::int64_t>::key(entry)];
      ++visited;
    });
    CHECK(visited <= 64);
  }
  CHECK(visits.size() == 5000);
  for (const auto& [key, count] : visits) CHECK(count == 1);
}

TEST_CASE(
    "state table: the one hook sees all mutations, so that the state of a moment can be put together afterwards") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Numbers numbers;
    for (std::int64_t key = 0; key < 3000; ++key) numbers.at(key) = static_cast<std::int64_t>(random());
    const auto then = numbers.all();
    Undo undo(numbers);
    numbers.table.watch(&undo);
    for (int step = 0; step < 20'000; ++step) {
      const auto key = static_cast<std::int64_t>(random() % 6000);
      if (random() % 3 == 0) {
        numbers.erase(key);
      } else {
        numbers.at(key) += step;
      }
    }
    CHECK(undo.then() == then);
    CHECK(undo.mutations[Mutation::make] > 0);
    CHECK(undo.mutations[Mutation::change] > 0);
    CHECK(undo.mutations[Mutation::erase] > 0);
    numbers.table.watch(nullptr);
  }
}

namespace {

/// The states of one operator with two states, used as ValueState uses them.
struct TwoStates {
  TwoStates() {
    first = ValueState<std::int64_t>(states, states.declare(declare_state<std::int64_t>("first")));
    second = ValueState<std::string>(states, states.declare(declare_state<std::string>("second")));
  }
  TypedKeyedStates<std::int64_t> states;
  ValueState<std::int64_t> first;
  ValueState<std::string> second;
};

struct Noting final : EntryWatcher {
  void on_mutation(Mutation mutation, std::uint8_t*, std::uint32_t state) override {
    static const char* const kNames[] = {"make", "change", "drop", "erase"};
    notes.push_back(kNames[static_cast<int>(mutation)] + (mutation == Mutation::erase ? "" : std::to_string(state)));
  }
  std::vector<std::string> take() { return std::exchange(notes, {}); }
  std::vector<std::string> notes;
};

}  // namespace

TEST_CASE("value state: the hook sees every edit(), also in the next call for the same key, and every clear()") {
  TwoStates two;
  FakeOperatorContext context;
  REQUIRE(two.states.seal(context).ok());
  Noting noting;
  two.states.watch(&noting);
  const auto call = [&](std::int64_t key, auto&& body) {
    two.states.set_key(key_hash(key), key);
    body();
    two.states.finish();
    return noting.take();
  };
  using Notes = std::vector<std::string>;
  CHECK(call(7, [&] { two.first.get(); }) == Notes{});
  CHECK(call(7, [&] { two.first.edit() = 1; }) == Notes{"make0"});
  CHECK(call(7, [&] { two.first.edit() = 2; }) == Notes{"change0"});
  CHECK(call(7, [&] { two.first.update(3), two.second.update("x"); }) == Notes{"change0", "make1"});
  CHECK(call(8, [&] { two.first.clear(); }) == Notes{});
  CHECK(call(7, [&] { two.first.clear(); }) == Notes{"drop0"});
  CHECK(call(7, [&] { two.first.clear(); }) == Notes{});
  CHECK(call(7, [&] { two.second.clear(); }) == Notes{"erase"});
  CHECK(call(7, [&] { two.second.edit() = "y"; }) == Notes{"make1"});
  two.states.watch(nullptr);
}

TEST_CASE("value state: in open() and close(), where there is no key, its use is refused with a sentence") {
  struct InOpen {
    ValueState<std::int64_t> count;
    void open(KeyedContext<std::int64_t>& context) {
      count = context.value_state<std::int64_t>("count");
      count.edit() = 1;
    }
    void process(const std::int64_t&, KeyedContext<std::int64_t>&, Collector<std::int64_t>&) {}
  };
  OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) { return numbers.key_by([](std::int64_t n) { return n; }).process(InOpen{}); });
  CHECK_THROWS_WITH(harness.push(1),
                    "a ValueState was used where there is no current key, as in open() and close(): use it while a "
                    "record or a timer is processed");
}

TEST_CASE("keyed context: key() and timers in open() are refused with a sentence") {
  struct InOpen {
    int what = 0;
    void open(KeyedContext<std::int64_t>& context) {
      if (what == 0) (void)context.key();
      if (what == 1) context.register_event_timer(from_ms(1));
      if (what == 2) context.register_processing_timer(from_ms(1));
      if (what == 3) context.delete_event_timer(from_ms(1));
      if (what == 4) context.delete_processing_timer(from_ms(1));
    }
    void process(const std::int64_t&, KeyedContext<std::int64_t>&, Collector<std::int64_t>&) {}
    void on_timer(EventTime, KeyedContext<std::int64_t>&, Collector<std::int64_t>&) {}
  };
  for (int what = 0; what < 5; ++what) {
    CAPTURE(what);
    OperatorHarness<std::int64_t, std::int64_t> harness(
        [&](auto numbers) { return numbers.key_by([](std::int64_t n) { return n; }).process(InOpen{what}); });
    CHECK_THROWS_WITH(harness.push(1), doctest::Contains("there is no current key, as in open() and close()"));
  }
}
