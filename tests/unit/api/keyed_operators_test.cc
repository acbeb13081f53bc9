#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "tests/unit/api/records.h"
#include "weir/testing.h"

using namespace weir;
using namespace weir::test;
using weir::testing::HarnessOptions;
using weir::testing::OperatorHarness;
using weir::testing::Timed;

namespace {

struct Word {
  Text word;
  std::int64_t count = 0;
  Text last;
  friend bool operator==(const Word&, const Word&) = default;
};
struct Named {
  std::string name;
  std::int64_t value = 0;
  friend bool operator==(const Named&, const Named&) = default;
};

struct CountPerKey {
  ValueState<std::int64_t> count;
  ValueState<std::string> first;
  void open(RuntimeContext& context) {
    count = context.value_state<std::int64_t>("count");
    first = context.value_state<std::string>("first");
  }
  void process(const Named& record, KeyedContext<std::string>& context, Collector<std::string>& out) {
    if (record.value < 0) {
      count.clear();
      if (record.value < -1) first.clear();
      return;
    }
    if (!first.has_value()) first.update("first=" + std::to_string(record.value));
    out.collect(context.key().str() + " " + std::to_string(++count.edit()) + " " + *first.get());
  }
};

/// Emits how many records a key had in the second after its first one.
struct CountUntilTimer {
  ValueState<std::int64_t> count;
  void open(RuntimeContext& context) { count = context.value_state<std::int64_t>("count"); }
  void process(const Named&, KeyedContext<std::string>& context, Collector<std::string>&) {
    if (!count.has_value()) context.register_event_timer(context.timestamp() + std::chrono::seconds(1));
    ++count.edit();
  }
  void on_timer(EventTime, KeyedContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key().str() + "=" + std::to_string(count.value_or(0)));
    count.clear();
  }
};

struct Alarm {
  void process(const std::int64_t& delay, KeyedContext<std::int64_t>& context, Collector<std::string>&) {
    context.register_processing_timer(context.processing_time() + std::chrono::milliseconds(delay));
    context.register_processing_timer(context.processing_time() + std::chrono::milliseconds(delay));
  }
  void on_timer(EventTime at, KeyedContext<std::int64_t>& context, Collector<std::string>& out) {
    out.collect(std::to_string(context.key()) + "@" + std::to_string(to_ms(at)));
  }
};

/// Registers a timer and has no on_timer: `Processing` by the machine's clock, else by event time.
template <bool Processing>
struct TimerForNobody {
  void process(const Named&, KeyedContext<std::string>& context, Collector<std::string>&) {
    if constexpr (Processing) {
      context.register_processing_timer(context.processing_time());
    } else {
      context.register_event_timer(context.timestamp());
    }
  }
};

/// Everything by members named after the operations.
struct ByMembers {
  ValueState<std::int64_t> count;
  void open(KeyedContext<std::string>& context) { count = context.value_state<std::int64_t>("count"); }
  std::string map(const Named& record) { return record.name + " " + std::to_string(++count.edit()); }
  bool filter(const Named&) { return ++count.edit() > 1; }
  void flat_map(const Named& record, Collector<std::string>& out) {
    if (++count.edit() > 1) out.collect(record.name + " again");
  }
};
struct SumByMember {
  Named reduce(const Named& a, const Named& b) { return {a.name, a.value + b.value}; }
};

/// A record whose schema leaves one of its members out.
struct Partial {
  std::int64_t listed = 0;
  std::int64_t left_out = 0;
};

auto count_per_key = [](DataStream<Named> names) { return names.key_by(&Named::name).process(CountPerKey{}); };

}  // namespace

template <>
struct weir::Schema<Partial> {
  static constexpr std::string_view name = "Partial";
  static constexpr auto fields = std::tuple{weir::Field{"listed", &Partial::listed}};
};

TEST_CASE("reduce: emits the new value for every record, per key") {
  OperatorHarness<Named, Named> harness([](auto names) {
    return names.key_by(&Named::name).reduce([](const Named& a, const Named& b) {
      return Named{a.name, a.value + b.value};
    });
  });
  harness.push_all({{"a", 1}, {"b", 10}, {"a", 2}, {"b", 20}, {"a", 3}});
  CHECK(harness.take() == std::vector<Named>{{"a", 1}, {"b", 10}, {"a", 3}, {"b", 30}, {"a", 6}});
}

TEST_CASE("reduce: in a batch job emits the last value of each key, once, when the input has ended") {
  HarnessOptions options;
  options.settings["execution.runtime-mode"] = "BATCH";
  OperatorHarness<Named, Named> harness(
      [](auto names) {
    return names.key_by(&Named::name).reduce([](const Named& a, const Named& b) {
      return Named{a.name, a.value + b.value};
    });
      },
      options);
  std::map<std::string, std::int64_t> sums;
  for (std::int64_t i = 0; i < 10'000; ++i) {
    const Named named{"key" + std::to_string(i % 3000), i};
    sums[named.name] += named.value;
    harness.push(named);
  }
  CHECK(harness.take().empty());
  harness.end();
  const auto out = harness.take();
  CHECK(out.size() == sums.size());
  std::map<std::string, std::int64_t> emitted;
  for (const Named& named : out) emitted[named.name] = named.value;
  CHECK(emitted == sums);
}

TEST_CASE("reduce: texts in state outlive the batch they came in") {
  OperatorHarness<Word, Word> harness([](auto words) {
    return words.key_by(&Word::word).reduce([](const Word& a, const Word& b) {
      return Word{a.word, a.count + b.count, b.last};
    });
  });
  std::string expected_last;
  for (int i = 0; i < 300; ++i) {
    const std::string word = "word-number-" + std::to_string(i % 7);
    expected_last = "last " + std::string(static_cast<std::size_t>(i % 30), 'x') + std::to_string(i);
    harness.push({Text::borrow(word), 1, Text::borrow(expected_last)});
  }
  const auto out = harness.take();
  CHECK(out.size() == 300);
  CHECK(out.back().word == "word-number-5");
  CHECK(out.back().count == 43);
  CHECK(out.back().last == expected_last);
}

TEST_CASE("function objects: members named after the operation are called, with states of the key") {
  const std::vector<Named> input{{"a", 1}, {"b", 1}, {"a", 2}};
  const auto run = [&](auto build) {
    OperatorHarness<Named, std::string> harness(build);
    harness.push_all(input);
    return harness.take();
  };
  CHECK(run([](auto names) { return names.key_by(&Named::name).map(ByMembers{}); }) ==
        std::vector<std::string>{"a 1", "b 1", "a 2"});
  CHECK(run([](auto names) { return names.key_by(&Named::name).flat_map(ByMembers{}); }) ==
        std::vector<std::string>{"a again"});
  CHECK(run([](auto names) {
          return names.key_by(&Named::name).filter(ByMembers{}).map([](const Named& n) {
            return std::to_string(n.value);
          });
        }) == std::vector<std::string>{"2"});
  OperatorHarness<Named, Named> sums([](auto names) { return names.key_by(&Named::name).reduce(SumByMember{}); });
  sums.push_all(input);
  CHECK(sums.take() == std::vector<Named>{{"a", 1}, {"b", 1}, {"a", 3}});
}

TEST_CASE("key_by: a member that the record's schema leaves out is refused when the graph is made") {
  const auto refused = [](auto use) {
    try {
      OperatorHarness<Partial, std::int64_t> harness(use);
      return std::string("accepted");
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
  };
  const std::string sentence =
      "key_by() or partition_custom(): the member given as key is not among the fields of Partial; list it in "
      "weir::Schema, or give a function of a record";
  const auto number = [](const Partial& record) { return record.listed; };
  CHECK(refused([&](auto records) { return records.key_by(&Partial::left_out).map(number); }) == sentence);
  CHECK(refused([&](auto records) {
          return records.partition_custom([](std::int64_t, int) { return 0; }, &Partial::left_out).map(number);
        }) == sentence);
  CHECK(refused([&](auto records) { return records.key_by(&Partial::listed).map(number); }) == "accepted");
}

TEST_CASE("key_by: members, functions, references, views, pairs and structs are keys") {
  const auto sum = [](const Named& a, const Named& b) { return Named{a.name, a.value + b.value}; };
  const std::vector<Named> input{{"a", 1}, {"b", 10}, {"a", 2}};
  const std::vector<Named> expected{{"a", 1}, {"b", 10}, {"a", 3}};
  const auto check = [&](auto build) {
    OperatorHarness<Named, Named> harness(build);
    harness.push_all(input);
    CHECK(harness.take() == expected);
    harness.restart();
    harness.push({"b", 5});
    CHECK(harness.take() == std::vector<Named>{{"b", 15}});
  };
  check([&](auto names) { return names.key_by(&Named::name).reduce(sum); });
  check([&](auto names) { return names.key_by([](const Named& n) { return n.name; }).reduce(sum); });
  check([&](auto names) {
    return names.key_by([](const Named& n) -> const std::string& { return n.name; }).reduce(sum);
  });
  check([&](auto names) { return names.key_by([](const Named& n) { return std::string_view(n.name); }).reduce(sum); });
  check([&](auto names) { return names.key_by([](const Named& n) { return std::pair(n.name, true); }).reduce(sum); });
  check([&](auto names) { return names.key_by([](const Named& n) { return n.name.front(); }).reduce(sum); });
  check([&](auto names) {
    return names.key_by([](const Named& n) { return std::optional<double>(n.name.front()); }).reduce(sum);
  });
  check([&](auto names) {
    return names.key_by([](const Named& n) { return Word{Text::borrow(n.name), 1, "x"}; }).reduce(sum);
  });
}

TEST_CASE(
    "reduce: a function that answers keys is asked once per record while there are few keys, and many keys change no "
    "result") {
  int asked = 0;
  OperatorHarness<Named, Named> harness([&asked](auto names) {
    return names.key_by(
                    [&asked](const Named& n) {
      return ++asked, n.name;
    }).reduce([](const Named& a, const Named& b) {
      return Named{a.name, a.value + b.value};
    });
  });
  std::vector<Named> input;
  std::vector<Named> expected;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20'000; ++i) {
      input.push_back({"key" + std::to_string(i), i});
      expected.push_back({input.back().name, i * (round + 1)});
    }
  }
  harness.push_all({input.begin(), input.begin() + 1000});
  CHECK(asked == 1000);
  harness.push_all({input.begin() + 1000, input.end()});
  CHECK(harness.take() == expected);
}

TEST_CASE("keyed process: states of a key are created, changed and cleared one by one") {
  OperatorHarness<Named, std::string> harness(count_per_key);
  harness.push_all({{"a", 7}, {"b", 8}, {"a", 9}, {"a", -1}, {"a", 1}, {"a", -2}, {"a", 2}, {"b", 3}});
  CHECK(harness.take() == std::vector<std::string>{"a 1 first=7", "b 1 first=8", "a 2 first=7", "a 1 first=7",
                                                   "a 1 first=2", "b 2 first=8"});
}

TEST_CASE("keyed process: a snapshot carries state over a restart, and to another parallelism and back") {
  OperatorHarness<Named, std::string> one(count_per_key);
  std::vector<Named> input;
  for (std::int64_t i = 0; i < 200; ++i) input.push_back({"key" + std::to_string(i), i});
  one.push_all(input);
  one.take();
  one.restart();
  one.push({"key5", 1});
  CHECK(one.take() == std::vector<std::string>{"key5 2 first=5"});

  std::vector<std::string> out;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    HarnessOptions options;
    options.subtask_index = subtask;
    options.parallelism = 3;
    OperatorHarness<Named, std::string> part(count_per_key, options, one.snapshot());
    part.push_all(input);
    for (const std::string& line : part.take()) out.push_back(line);
  }
  CHECK(out.size() == 200);
  for (const std::string& line : out) {
    CAPTURE(line);
    CHECK(line.find(line.starts_with("key5 ") ? " 3 first=" : " 2 first=") != std::string::npos);
  }
}

TEST_CASE("keyed process: a damaged or foreign snapshot is refused with the state's name") {
  OperatorHarness<Named, std::string> harness(count_per_key);
  harness.push_all({{"a", 1}, {"b", 2}});
  const std::string good = harness.snapshot();
  for (std::size_t length = 1; length < good.size(); length += 3) {
    CAPTURE(length);
    OperatorHarness<Named, std::string> restored(count_per_key, {}, good.substr(0, length));
    CHECK_THROWS(restored.push({"a", 1}));
  }
  OperatorHarness<Named, std::string> other_type(
      [](DataStream<Named> names) {
    struct Other {
      ValueState<std::int32_t> count;
      void open(RuntimeContext& context) { count = context.value_state<std::int32_t>("count"); }
      void process(const Named&, KeyedContext<std::string>&, Collector<std::string>&) {}
    };
    return names.key_by(&Named::name).process(Other{});
      },
      {}, good);
  CHECK_THROWS_WITH(other_type.push({"a", 1}),
                    "state \"count\" has another type than when it was saved: now int32, saved int64");
}

TEST_CASE("keyed process: registering a timer without on_timer fails with a sentence") {
  const std::string sentence =
      "a timer was registered, but this function has no on_timer; give process() one object with void "
      "on_timer(weir::EventTime, weir::KeyedContext<K>&, weir::Collector<Out>&)";
  OperatorHarness<Named, std::string> event(
      [](auto names) { return names.key_by(&Named::name).process(TimerForNobody<false>{}); });
  CHECK_THROWS_WITH(event.push({"a", 1}, from_ms(1)), sentence.c_str());
  OperatorHarness<Named, std::string> processing(
      [](auto names) { return names.key_by(&Named::name).process(TimerForNobody<true>{}); });
  CHECK_THROWS_WITH(processing.push({"a", 1}), sentence.c_str());
}

TEST_CASE("keyed process: event timers fire in time order at the watermark, once, with the time of the timer") {
  OperatorHarness<Named, std::string> harness(
      [](DataStream<Named> names) { return names.key_by(&Named::name).process(CountUntilTimer{}); });
  harness.push({"b", 0}, from_ms(500));
  harness.push({"a", 0}, from_ms(0));
  harness.push({"a", 0}, from_ms(10));
  harness.watermark(from_ms(999));
  CHECK(harness.take().empty());
  harness.restart();
  harness.watermark(from_ms(1500));
  CHECK(harness.take_timed() == std::vector<Timed<std::string>>{{"a=2", from_ms(1000)}, {"b=1", from_ms(1500)}});
  harness.push({"c", 0}, from_ms(2000));
  harness.end();
  CHECK(harness.take_timed() == std::vector<Timed<std::string>>{{"c=1", from_ms(3000)}});
}

TEST_CASE("keyed process: processing timers follow the clock, and a restart keeps them") {
  OperatorHarness<std::int64_t, std::string> harness(
      [](auto numbers) { return numbers.key_by([](std::int64_t n) { return n; }).process(Alarm{}); });
  harness.push_all({300, 100});
  harness.advance_to(from_ms(99));
  CHECK(harness.take().empty());
  harness.advance_to(from_ms(100));
  CHECK(harness.take() == std::vector<std::string>{"100@100"});
  harness.restart();
  harness.advance_to(from_ms(1000));
  CHECK(harness.take() == std::vector<std::string>{"300@300"});
}

TEST_CASE("keyed map, filter and flat_map: an object with open() has states of the record's key, kept over a restart") {
  struct Numbered {
    ValueState<std::int64_t> count;
    void open(RuntimeContext& context) { count = context.value_state<std::int64_t>("count"); }
    Named operator()(const Named& record) { return {record.name, ++count.edit()}; }
  };
  struct FirstOnly {
    ValueState<bool> seen;
    void open(RuntimeContext& context) { seen = context.value_state<bool>("seen"); }
    bool operator()(const Named&, RuntimeContext&) {
      const bool first = !seen.has_value();
      seen.update(true);
      return first;
    }
  };
  struct Difference {
    ValueState<std::int64_t> last;
    void open(RuntimeContext& context) { last = context.value_state<std::int64_t>("last"); }
    void operator()(const Named& record, Collector<Named>& out) {
      if (last.has_value()) out.collect({record.name, record.value - *last.get()});
      last.update(record.value);
    }
  };
  const std::vector<Named> input{{"a", 5}, {"b", 1}, {"a", 7}, {"a", 4}, {"b", 1}};

  OperatorHarness<Named, Named> map([](DataStream<Named> names) { return names.key_by(&Named::name).map(Numbered{}); });
  map.push_all(input);
  CHECK(map.take() == std::vector<Named>{{"a", 1}, {"b", 1}, {"a", 2}, {"a", 3}, {"b", 2}});
  map.restart();
  map.push({"b", 0});
  CHECK(map.take() == std::vector<Named>{{"b", 3}});

  OperatorHarness<Named, Named> filter(
      [](DataStream<Named> names) { return names.key_by(&Named::name).filter(FirstOnly{}); });
  filter.push_all(input);
  CHECK(filter.take() == std::vector<Named>{{"a", 5}, {"b", 1}});
  filter.restart();
  filter.push_all({{"b", 2}, {"c", 3}});
  CHECK(filter.take() == std::vector<Named>{{"c", 3}});

  OperatorHarness<Named, Named> flat_map(
      [](DataStream<Named> names) { return names.key_by(&Named::name).flat_map(Difference{}); });
  flat_map.push_all(input);
  CHECK(flat_map.take() == std::vector<Named>{{"a", 2}, {"a", -3}, {"b", 0}});
  flat_map.restart();
  flat_map.push({"a", 10});
  CHECK(flat_map.take() == std::vector<Named>{{"a", 6}});
}

TEST_CASE("keyed map and filter: a function without open() is the plain one") {
  StreamExecutionEnvironment env;
  auto keyed = env.from_collection(std::vector<Named>{{"a", 1}}).key_by(&Named::name);
  keyed.map([](const Named& record) { return record.value; });
  keyed.filter([](const Named&) { return true; });
  for (const OperatorNode& node : env.graph().operators) CHECK_FALSE(node.stateful);
}

TEST_CASE("state: mistakes are named") {
  struct TooLate {
    void process(const Named&, KeyedContext<std::string>& context, Collector<std::string>&) {
      context.value_state<std::int64_t>("late").update(1);
    }
  };
  OperatorHarness<Named, std::string> late(
      [](DataStream<Named> names) { return names.key_by(&Named::name).process(TooLate{}); });
  CHECK_THROWS_WITH(late.push({"a", 1}), "state \"late\" must be asked for in open(), before the first record");

  struct NoKey {
    ValueState<std::int64_t> state;
    void open(RuntimeContext& context) { state = context.value_state<std::int64_t>("count"); }
    void process(const Named&, RuntimeContext&, Collector<std::string>&) {}
  };
  OperatorHarness<Named, std::string> no_key([](DataStream<Named> names) { return names.process(NoKey{}); });
  CHECK_THROWS_WITH(no_key.push({"a", 1}),
                    "state \"count\" needs a key: call key_by() before the function that uses it");

  struct Unopened {
    ValueState<std::int64_t> state;
    void process(const Named&, KeyedContext<std::string>&, Collector<std::string>&) { state.update(1); }
  };
  OperatorHarness<Named, std::string> unopened(
      [](DataStream<Named> names) { return names.key_by(&Named::name).process(Unopened{}); });
  CHECK_THROWS(unopened.push({"a", 1}));
}

TEST_CASE("state_table: agrees with a map over many random changes") {
  using detail::StateTable;
  for (const std::uint32_t max_parallelism : {1u, 128u, 1000u}) {
    StateTable<std::string> table;
    detail::EntryLayout layout;
    layout.add(detail::value_kind<std::string>());
    table.seal(layout, {0, max_parallelism}, max_parallelism);
    std::map<std::string, std::string> expected;
    std::mt19937_64 random(max_parallelism);
    for (int step = 0; step < 60'000; ++step) {
      const std::string name = "key-" + std::to_string(random() % 8000);
      const Text key = Text::borrow(name);
      const std::uint64_t hash = key_hash(key);
      if (random() % 3 == 0) {
        table.erase(hash, key);
        expected.erase(name);
      } else {
        bool inserted = false;
        auto* value = static_cast<std::string*>(table.layout().value(table.find_or_insert(hash, key, inserted), 0));
        CHECK(inserted == !expected.contains(name));
        value->append("x");
        expected[name].append("x");
      }
    }
    CHECK(table.size() == expected.size());
    std::map<std::string, std::string> found;
    for (std::uint32_t group = 0; group < max_parallelism; ++group) {
      table.for_each_in_group(group, [&](std::uint8_t* entry) {
        const Text key = StateTable<std::string>::key(entry);
        CHECK(key_group_of(key_hash(key), max_parallelism) == group);
        found[key.str()] = *static_cast<std::string*>(table.layout().value(entry, 0));
      });
    }
    CHECK(found == expected);
  }
}

/// Inserts, finds and erases keys at random, those first of all that mark empty places: the smallest.
template <class K>
void compare_with_map(const std::vector<K>& keys) {
  detail::StateTable<K> table;
  detail::EntryLayout layout;
  layout.add(detail::value_kind<std::int32_t>());
  table.seal(layout, {0, 3}, 3);
  std::map<std::size_t, std::int32_t> expected;
  std::mt19937_64 random(keys.size());
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t at = random() % keys.size();
    const KeyView<K> key = keys[at];
    const std::uint64_t hash = key_hash(key);
    const std::uint8_t* found = table.find(hash, key);
    REQUIRE((found != nullptr) == expected.contains(at));
    if (random() % 4 == 0) {
      table.erase(hash, key);
      expected.erase(at);
    } else {
      bool inserted = false;
      ++*static_cast<std::int32_t*>(table.layout().value(table.find_or_insert(hash, key, inserted), 0));
      REQUIRE(inserted == (found == nullptr));
      ++expected[at];
    }
  }
  CHECK(table.size() == expected.size());
  for (const auto& [at, count] : expected) {
    std::uint8_t* entry = table.find(key_hash(KeyView<K>(keys[at])), keys[at]);
    REQUIRE(entry != nullptr);
    CHECK(*static_cast<std::int32_t*>(table.layout().value(entry, 0)) == count);
  }
  std::size_t visited = 0;
  for (std::uint32_t group = 0; group < 3; ++group) table.for_each_in_group(group, [&](std::uint8_t*) { ++visited; });
  CHECK(visited == expected.size());
}

enum class Shade : std::uint16_t {};

template <class Number>
std::vector<Number> numbers(int count) {
  std::vector<Number> made;
  for (int i = 0; i < count; ++i) made.push_back(static_cast<Number>(i));
  return made;
}

TEST_CASE("state_table: keys of every kind, the smallest among them, agree with a map") {
  compare_with_map<bool>({false, true});
  compare_with_map(numbers<std::int8_t>(100));
  compare_with_map(numbers<std::uint16_t>(3000));
  compare_with_map(numbers<std::int32_t>(3000));
  compare_with_map(numbers<std::uint64_t>(3000));
  compare_with_map(numbers<float>(3000));
  std::vector<double> doubles = numbers<double>(1000);
  doubles.push_back(std::numeric_limits<double>::quiet_NaN());
  doubles.push_back(std::numeric_limits<double>::infinity());
  doubles.push_back(std::numeric_limits<double>::denorm_min());
  compare_with_map(doubles);
  compare_with_map(numbers<Shade>(1000));
  std::vector<EventTime> times;
  std::vector<Decimal<9, 2>> short_decimals;
  std::vector<Decimal<38, 2>> long_decimals;
  std::vector<std::pair<std::int32_t, std::int32_t>> pairs;
  for (int i = 0; i < 1000; ++i) {
    times.push_back(from_ms(i));
    short_decimals.push_back({i});
    long_decimals.push_back({i});
    pairs.emplace_back(i, -i);
  }
  compare_with_map(times);
  compare_with_map(short_decimals);
  compare_with_map(long_decimals);
  compare_with_map(pairs);
}

TEST_CASE("state_table: numbers, many of them, most of them at their first or second place") {
  detail::StateTable<std::int64_t> table;
  detail::EntryLayout layout;
  layout.add(detail::value_kind<std::int64_t>());
  table.seal(layout, key_groups_of_subtask(1, 2, 128), 128);
  std::int64_t own = 0;
  for (std::int64_t key = 0; key < 200'000; ++key) {
    const std::uint64_t hash = key_hash(key);
    if (subtask_of_key_group(key_group_of(hash, 128), 2, 128) != 1) {
      if (own == 0) CHECK_THROWS(table.find(hash, key));
      continue;
    }
    bool inserted = false;
    *static_cast<std::int64_t*>(table.layout().value(table.find_or_insert(hash, key, inserted), 0)) = key * 2;
    ++own;
  }
  CHECK(table.size() == static_cast<std::size_t>(own));
  std::int64_t near_keys = 0;
  for (std::int64_t key = 0; key < 200'000; ++key) {
    const std::uint64_t hash = key_hash(key);
    if (subtask_of_key_group(key_group_of(hash, 128), 2, 128) != 1) continue;
    std::uint8_t* entry = table.find(hash, key);
    std::uint8_t* const near =
        table.entry_near(detail::StateTable<std::int64_t>::Locator(table).place(hash), hash, key);
    if (near != nullptr && near != entry) FAIL("key " << key << " is at two places");
    near_keys += near != nullptr ? 1 : 0;
    if (entry == nullptr || *static_cast<std::int64_t*>(table.layout().value(entry, 0)) != key * 2) FAIL("key " << key);
  }
  CHECK(near_keys > own * 8 / 10);
}
