#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/unit/api/records.h"
#include "weir/testing.h"

using namespace weir;
using namespace weir::test;
using weir::testing::HarnessOptions;
using weir::testing::OperatorHarness;
using weir::testing::Timed;
using weir::testing::TwoInputHarness;

namespace {

struct Order {
  std::int64_t id = 0;
  std::int64_t price = 0;
};
struct Payment {
  std::int64_t order = 0;
  std::string by;
};

const OutputTag<std::int64_t> kUnpaid{"unpaid"};
const OutputTag<std::string> kEarly{"early"};

/// Matches orders and payments; an order without payment goes to a side output an hour after it, a payment without
/// order at once.
struct Match {
  ValueState<Order> order;
  std::shared_ptr<std::vector<std::string>> calls;

  void open(RuntimeContext& context) {
    order = context.value_state<Order>("order");
    if (calls) calls->push_back("open " + std::string(context.operator_name()));
  }
  void process1(const Order& came, KeyedContext<std::int64_t>& context, Collector<std::string>&) {
    order.update(came);
    context.register_event_timer(context.timestamp() + std::chrono::hours(1));
  }
  void process2(const Payment& payment, KeyedContext<std::int64_t>& context, Collector<std::string>& out) {
    if (!order.has_value()) return context.output(kEarly, payment.by);
    out.collect(payment.by + " paid " + std::to_string(order.get()->price) + " for " + std::to_string(context.key()));
    order.clear();
  }
  void on_timer(EventTime, KeyedContext<std::int64_t>& context, Collector<std::string>&) {
    if (order.has_value()) context.output(kUnpaid, order.get()->id);
  }
  void close() {
    if (calls) calls->push_back("close");
  }
};

auto matched(DataStream<Order> orders, DataStream<Payment> payments) {
  return orders.key_by(&Order::id).connect(payments.key_by(&Payment::order)).process(Match{});
}

}  // namespace

TEST_CASE("connect: map makes one record for each of either stream, with two functions or one object") {
  TwoInputHarness<Order, Payment, std::string> two([](auto orders, auto payments) {
    return orders.connect(payments).map([](const Order& o) { return std::to_string(o.id); },
                                        [](const Payment& p, RuntimeContext&) { return p.by; });
  });
  two.push1({7, 1});
  two.push2({1, "ann"});
  two.push_all1({{8, 1}, {9, 1}});
  CHECK(two.take() == std::vector<std::string>{"7", "ann", "8", "9"});

  struct Both {
    std::string prefix;
    std::string map1(const Order& order, RuntimeContext& context) {
      return prefix + std::to_string(order.price) + std::string(context.operator_name());
    }
    std::string map2(const Payment& payment) { return prefix + payment.by; }
  };
  TwoInputHarness<Order, Payment, std::string> one(
      [](auto orders, auto payments) { return orders.connect(payments).map(Both{"> "}).name("both"); });
  one.push2({1, "bob"});
  one.push1({1, 30});
  CHECK(one.take() == std::vector<std::string>{"> bob", "> 30both"});
}

TEST_CASE("connect: flat_map makes any number, generic functions name their output, and times pass through") {
  TwoInputHarness<std::int64_t, std::string, std::string> harness([](auto numbers, auto texts) {
    return numbers.connect(texts).template flat_map<std::string>(
        [](const auto& number, auto& out) {
      for (std::int64_t i = 0; i < number; ++i) out.collect(std::to_string(i));
        },
        [](const auto& text, auto& out) {
      if (!text.empty()) out.collect(text);
    });
  });
  harness.push1(2, from_ms(100));
  harness.push2("", from_ms(101));
  harness.push2("x");
  CHECK(harness.take_timed() ==
        std::vector<Timed<std::string>>{{"0", from_ms(100)}, {"1", from_ms(100)}, {"x", kBeginningOfTime}});

  struct Members {
    void flat_map1(const std::int64_t& number, Collector<std::int64_t>& out) { out.collect(number); }
    void flat_map2(const std::string& text, RuntimeContext&, Collector<std::int64_t>& out) {
      out.collect(static_cast<std::int64_t>(text.size()));
    }
  };
  TwoInputHarness<std::int64_t, std::string, std::int64_t> members(
      [](auto numbers, auto texts) { return numbers.connect(texts).flat_map(Members{}); });
  members.push1(5);
  members.push2("four");
  CHECK(members.take() == std::vector<std::int64_t>{5, 4});
}

TEST_CASE("connect: keyed functions share the state and the timers of a key, whichever stream its records come by") {
  TwoInputHarness<Order, Payment, std::string> harness(matched);
  harness.watch_side(kUnpaid);
  harness.watch_side(kEarly);
  harness.push2({7, "too soon"}, from_ms(5));
  harness.push1({7, 100}, from_ms(10));
  harness.push1({8, 200}, from_ms(10));
  harness.push2({7, "ann"}, from_ms(20));
  harness.push2({7, "twice"}, from_ms(21));
  CHECK(harness.take() == std::vector<std::string>{"ann paid 100 for 7"});
  CHECK(harness.take_side(kEarly) == std::vector<std::string>{"too soon", "twice"});
  harness.watermark1(from_ms(4'000'000));
  CHECK(harness.take_side(kUnpaid).empty());  // the other stream may still have payments
  harness.watermark2(from_ms(3'600'010));
  CHECK(harness.take_side(kUnpaid) == std::vector<std::int64_t>{8});
}

TEST_CASE("connect: keys given after connect are the same, and state survives a restart and a change of parallelism") {
  const auto build = [](auto orders, auto payments) {
    return orders.connect(payments).key_by(&Order::id, [](const Payment& p) { return p.order; }).process(Match{});
  };
  TwoInputHarness<Order, Payment, std::string> harness(build);
  for (std::int64_t id = 0; id < 40; ++id) harness.push1({id, id * 10}, from_ms(1));
  harness.restart();
  const std::string saved = harness.snapshot();
  std::vector<std::string> paid;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    TwoInputHarness<Order, Payment, std::string> part(build, {.subtask_index = subtask, .parallelism = 3}, saved);
    for (std::int64_t id = 0; id < 40; ++id) part.push2({id, "x"}, from_ms(2));
    for (auto& line : part.take()) paid.push_back(line);
  }
  CHECK(paid.size() == 40);
  CHECK(std::count(paid.begin(), paid.end(), "x paid 390 for 39") == 1);
}

TEST_CASE("connect: keyed map and flat_map have the state of the key too, text keys meet by their bytes") {
  struct Count {
    ValueState<std::int64_t> count;
    void open(RuntimeContext& context) { count = context.value_state<std::int64_t>("count"); }
    std::string map1(const std::string& word) { return word + std::to_string(++count.edit()); }
    std::string map2(const Payment& payment, KeyedContext<std::string>& context) {
      return payment.by + std::to_string(++count.edit()) + context.key().str();
    }
  };
  TwoInputHarness<std::string, Payment, std::string> harness([](auto words, auto payments) {
    return words.key_by([](const std::string& word) { return std::string_view(word); })
        .connect(payments.key_by(&Payment::by))
        .map(Count{});
  });
  harness.push1("ann");
  harness.push2({1, "ann"});
  harness.push2({1, "bob"});
  CHECK(harness.take() == std::vector<std::string>{"ann1", "ann2ann", "bob1bob"});
}

TEST_CASE("connect: the watermark is the lesser of both, and an input that has ended holds it back no more") {
  TwoInputHarness<std::int64_t, std::string, std::int64_t> harness([](auto numbers, auto texts) {
    return numbers.connect(texts).process(
        [](const std::int64_t&, RuntimeContext& context, Collector<std::int64_t>& out) {
      out.collect(to_ms(context.watermark()));
        },
        [](const std::string&, RuntimeContext& context, Collector<std::int64_t>& out) {
      out.collect(-to_ms(context.watermark()));
    });
  });
  harness.watermark1(from_ms(10));
  harness.watermark2(from_ms(5));
  harness.push1(0);
  harness.push2("");
  CHECK(harness.take() == std::vector<std::int64_t>{5, -5});
  harness.end2();
  harness.push1(0);
  CHECK(harness.take() == std::vector<std::int64_t>{10});
  harness.watermark1(from_ms(20));
  harness.push1(0);
  CHECK(harness.take() == std::vector<std::int64_t>{20});
  harness.end1();
}

TEST_CASE("connect: functions are opened and closed once, both of two, also when the first close throws") {
  const auto calls = std::make_shared<std::vector<std::string>>();
  struct Loud {
    std::shared_ptr<std::vector<std::string>> calls;
    std::string name;
    bool throws = false;
    void open(RuntimeContext&) { calls->push_back("open " + name); }
    std::int64_t operator()(const std::int64_t& number) const { return number; }
    void close() {
      calls->push_back("close " + name);
      if (throws) throw std::runtime_error("the disk is full");
    }
  };
  TwoInputHarness<std::int64_t, std::int64_t, std::int64_t> harness([&](auto a, auto b) {
    return a.connect(b).map(Loud{calls, "first", true}, Loud{calls, "second"}).name("pair");
  });
  harness.push1(1);
  harness.restart();
  CHECK(*calls == std::vector<std::string>{"open first", "open second", "close first", "close second", "open first",
                                           "open second"});
  CHECK(harness.log() == std::vector<std::string>{"close() of pair threw: the disk is full"});
}

TEST_CASE("connect: behind a union and with itself, each edge leads to its input") {
  StreamExecutionEnvironment env;
  auto a = env.from_collection<std::int64_t>({1});
  auto b = env.from_collection<std::int64_t>({2});
  auto texts = env.from_collection<std::string>({"x"});
  a.union_with(b)
      .connect(texts.broadcast())
      .map([](std::int64_t n) { return n; }, [](const std::string&) { return std::int64_t{0}; });
  const OperatorNode& node = env.graph().operators[3];
  CHECK(node.kind == "Co-Map");
  REQUIRE(node.inputs.size() == 3);
  CHECK(node.inputs[0].input == 0);
  CHECK(node.inputs[1].input == 0);
  CHECK(node.inputs[2].input == 1);
  CHECK(node.inputs[2].partitioner == PartitionerKind::broadcast);
  a.connect(a).map([](std::int64_t n) { return n; }, [](std::int64_t n) { return -n; });
  CHECK(env.graph().operators[4].inputs[0].source == env.graph().operators[4].inputs[1].source);
  CHECK(env.graph().operators[4].inputs[1].input == 1);
}

TEST_CASE("connect: keyed process is stateful, hashed on both inputs, and called as Flink calls it") {
  StreamExecutionEnvironment env;
  matched(env.from_collection<Order>({}), env.from_collection<Payment>({})).uid("match");
  const OperatorNode& node = env.graph().operators[2];
  CHECK(node.kind == "Co-Keyed-Process");
  CHECK(node.stateful);
  for (const EdgeNode& edge : node.inputs) {
    CHECK(edge.partitioner == PartitionerKind::hash);
    CHECK(edge.key_schema == "int64");
    CHECK(edge.make_key_hasher != nullptr);
  }
}

TEST_CASE("connect: streams of two environments are refused") {
  StreamExecutionEnvironment one;
  StreamExecutionEnvironment other;
  auto numbers = one.from_collection<std::int64_t>({1});
  auto texts = other.from_collection<std::string>({"x"});
  CHECK_THROWS_WITH(numbers.connect(texts), "connect: the streams belong to two environments");
  CHECK_THROWS_WITH(numbers.key_by([](std::int64_t n) { return n; }).connect(texts.key_by([](const std::string&) {
    return std::int64_t{1};
  })),
                    "connect: the streams belong to two environments");
}

TEST_CASE("rich functions: task, metrics and log are there, and close is called after an open that threw") {
  struct Rich {
    std::shared_ptr<std::vector<std::string>> calls;
    Gauge* last = nullptr;
    void open(RuntimeContext& context) {
      last = &context.gauge("last");
      context.log(LogLevel::info, "subtask " + std::to_string(context.subtask_index()) + " of " +
                                      std::to_string(context.parallelism()) + ", " +
                                      std::to_string(context.max_parallelism()) + " groups, attempt " +
                                      std::to_string(context.attempt()));
      if (context.setting("refuse") == "yes") throw std::runtime_error("not today");
    }
    std::int64_t operator()(const std::int64_t& number) {
      last->set(static_cast<double>(number) / 2);
      return number;
    }
    void close() { calls->push_back("close"); }
  };
  const auto calls = std::make_shared<std::vector<std::string>>();
  OperatorHarness<std::int64_t, std::int64_t> harness([&](auto numbers) { return numbers.map(Rich{calls}); },
                                                      {.subtask_index = 1, .parallelism = 2});
  harness.push(5);
  CHECK(harness.gauge("last") == 2.5);
  CHECK(harness.log() == std::vector<std::string>{"subtask 1 of 2, 128 groups, attempt 0"});
  {
    HarnessOptions options;
    options.settings["refuse"] = "yes";
    OperatorHarness<std::int64_t, std::int64_t> refused([&](auto numbers) { return numbers.map(Rich{calls}); },
                                                        options);
    CHECK_THROWS_WITH(refused.push(1), "not today");
  }
  CHECK(*calls == std::vector<std::string>{"close"});
}

TEST_CASE("side outputs: several of several types out of one operator, read more than once, in time") {
  const OutputTag<std::int64_t> even{"even"};
  const OutputTag<std::string> text{"text"};
  const OutputTag<Order> order{"order"};
  OperatorHarness<std::int64_t, std::int64_t> harness([=](auto numbers) {
    return numbers.process([=](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>& out) {
      out.collect(n);
      if (n % 2 == 0) context.output(even, n);
      if (n % 3 == 0) context.output(text, "three " + std::to_string(n));
      if (n % 5 == 0) context.output(order, Order{n, n});
      context.output(OutputTag<std::int64_t>("unread"), n);
    });
  });
  harness.watch_side(even);
  harness.watch_side(text);
  harness.watch_side(order);
  for (std::int64_t n = 1; n <= 6; ++n) harness.push(n, from_ms(n));
  harness.push_all({10, 12, 15});
  CHECK(harness.take().size() == 9);
  CHECK(harness.take_side(even) == std::vector<std::int64_t>{2, 4, 6, 10, 12});
  CHECK(harness.take_side(text) == std::vector<std::string>{"three 3", "three 6", "three 12", "three 15"});
  const auto orders = harness.take_side(order);
  REQUIRE(orders.size() == 3);
  CHECK(orders[2].id == 15);
}
