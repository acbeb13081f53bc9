// Jobs as users write them, on the engine: connected streams, side outputs, partitioners and rich functions, between
// slots and machines.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/support/engine_cluster.h"
#include "weir/environment.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

struct Order {
  std::int64_t id = 0;
  std::int64_t price = 0;
};
struct Payment {
  std::int64_t order = 0;
  std::string by;
};
struct Paid {
  std::int64_t order = 0;
  std::int64_t price = 0;
  std::string by;
  friend auto operator<=>(const Paid&, const Paid&) = default;
};

/// Records of a function of their number, dealt to the subtasks in turn; after `count` it ends, or waits for ever.
template <class T>
class Made final : public Source<T> {
 public:
  using Make = std::function<T(std::int64_t)>;
  Made(std::int64_t count, Make make, bool ends = true, bool with_watermarks = false)
      : count_(count), make_(std::move(make)), ends_(ends), with_watermarks_(with_watermarks) {}
  std::string name() const override { return "made"; }
  bool bounded() const override { return ends_; }
  std::unique_ptr<SourceReader> make_reader() const override { return std::make_unique<Reader>(*this); }

 private:
  class Reader final : public SourceReader {
   public:
    explicit Reader(const Made& made) : made_(made) {}
    Result<void> open(OperatorContext& context) override {
      context_ = &context;
      next_ = context.subtask_index();
      collector_ = std::make_unique<Collector<T>>(context);
      return {};
    }
    Result<Progress> poll(SourceOutput& output) override {
      collector_->bind(output);
      for (int row = 0; row < 500 && next_ < made_.count_; ++row, next_ += context_->parallelism()) {
        if (made_.with_watermarks_) {
          collector_->collect(made_.make_(next_), from_ms(next_));
        } else {
          collector_->collect(made_.make_(next_));
        }
      }
      collector_->flush();
      if (made_.with_watermarks_) output.emit_watermark(from_ms(next_ - 1));
      if (next_ < made_.count_) return Progress::more();
      return made_.ends_ ? Progress::finished() : Progress::blocked_until(Progress::kNever);
    }

   private:
    const Made made_;
    OperatorContext* context_ = nullptr;
    std::int64_t next_ = 0;
    std::unique_ptr<Collector<T>> collector_;
  };

  std::int64_t count_;
  Make make_;
  bool ends_;
  bool with_watermarks_;
};

/// What a sink has got, from all subtasks.
template <class T>
struct Got {
  std::mutex mutex;
  std::vector<T> records;
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return records.size();
  }
};
template <class T>
class Into final : public Sink<T> {
 public:
  explicit Into(std::shared_ptr<Got<T>> got) : got_(std::move(got)) {}
  std::string name() const override { return "into"; }
  std::unique_ptr<Operator> make_writer() const override {
    class Writer final : public Operator {
     public:
      explicit Writer(std::shared_ptr<Got<T>> got) : got_(std::move(got)) {}
      void process(std::uint32_t, Batch& batch, Output&) override {
        const std::lock_guard lock(got_->mutex);
        batch.for_each_row(
            [&](std::uint32_t row) { got_->records.push_back(RowCodec<T>::read(batch.block(), row, scratch_)); });
      }

     private:
      const std::shared_ptr<Got<T>> got_;
      T scratch_{};
    };
    return std::make_unique<Writer>(got_);
  }

 private:
  std::shared_ptr<Got<T>> got_;
};

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
EngineCluster::MakeGraph job(std::function<void(StreamExecutionEnvironment&)> build) {
  return [build = std::move(build)] {
    StreamExecutionEnvironment env;
    env.set_job_name("test");
    build(env);
    return env.take_graph();
  };
}
const ClusterSettings kOneProcess{.slots = 3};
const ClusterSettings kThreeMachines{.task_managers = 3, .slots = 1};

template <class Is>
bool comes_true(Is is) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

Order order_of(std::int64_t number) { return {number, number * 3}; }
Payment payment_of(std::int64_t number) { return {number, "p" + std::to_string(number % 7)}; }

/// Joins by the order's id, whichever comes first.
struct Match {
  ValueState<Order> order;
  ValueState<std::string> by;
  void open(RuntimeContext& context) {
    order = context.value_state<Order>("order");
    by = context.value_state<std::string>("by");
  }
  void process1(const Order& came, KeyedContext<std::int64_t>&, Collector<Paid>& out) {
    if (by.has_value()) return out.collect({came.id, came.price, *by.get()});
    order.update(came);
  }
  void process2(const Payment& came, KeyedContext<std::int64_t>& context, Collector<Paid>& out) {
    if (order.has_value()) return out.collect({context.key(), order.get()->price, came.by});
    by.update(came.by);
  }
};

}  // namespace

TEST_CASE(
    "jobs: two streams of different types are joined by key, in one process and between machines, none lost, none "
    "twice") {
  constexpr std::int64_t kCount = 20'000;
  std::vector<Paid> expected;
  for (std::int64_t number = 0; number < kCount; ++number)
    expected.push_back({number, number * 3, payment_of(number).by});
  for (const auto& settings : {kOneProcess, kThreeMachines}) {
    const auto got = std::make_shared<Got<Paid>>();
    EngineCluster cluster(settings, job([&](StreamExecutionEnvironment& env) {
                            auto orders = env.from_source(Made<Order>(kCount, order_of)).set_parallelism(1);
                            auto payments = env.from_source(Made<Payment>(kCount, payment_of)).set_parallelism(3);
                            orders.connect(payments)
                                .key_by(&Order::id, &Payment::order)
                                .process(Match{})
                                .uid("match")
                                .set_parallelism(2)
                                .filter([](const Paid&) { return true; })
                                .set_parallelism(2)
                                .sink_to(Into<Paid>(got))
                                .set_parallelism(2);
                          }));
    CHECK(run(cluster) == "");
    CHECK(cluster.job_graph().vertices.size() == 3);  // what follows is chained to the operator with two inputs
    std::sort(got->records.begin(), got->records.end());
    CHECK(got->records == expected);
  }
}

TEST_CASE(
    "jobs: an input that is silent for ever stops neither the other one nor, when it is cancelled, the job's end") {
  const auto got = std::make_shared<Got<std::int64_t>>();
  EngineCluster cluster(
      kOneProcess, job([&](StreamExecutionEnvironment& env) {
        auto silent = env.from_source(Made<std::string>(
                                          0, [](std::int64_t) { return std::string(); }, false))
                          .set_parallelism(2);
        auto busy = env.from_source(Made<std::int64_t>(300'000, [](std::int64_t n) { return n; })).set_parallelism(2);
        silent.connect(busy)
            .map([](const std::string&) { return std::int64_t{-1}; }, [](const std::int64_t& n) { return n; })
            .set_parallelism(2)
            .sink_to(Into<std::int64_t>(got))
            .set_parallelism(2);
      }));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(comes_true([&] { return got->size() == 300'000; }));
  CHECK(cluster.wait_for_count(proto::FINISHED, 2));  // the busy source
  cluster.cancel();
  CHECK(cluster.wait_for_count(proto::CANCELED, 4));
}

TEST_CASE("jobs: records of any length share channels, in one process and between machines, and all of them arrive") {
  constexpr std::int64_t kCount = 3000;
  const auto length_of = [](std::int64_t number) {
    return static_cast<std::size_t>(number % 41 == 0 ? 50'000 + number * 300 : number % 100);  // up to 21 usual blocks
  };
  for (const auto& settings : {kOneProcess, kThreeMachines}) {
    const auto got = std::make_shared<Got<Payment>>();
    EngineCluster cluster(settings, job([&](StreamExecutionEnvironment& env) {
                            env.from_source(Made<Payment>(
                                                kCount,
                                                [&](std::int64_t number) {
        return Payment{number, std::string(length_of(number), 'x')};
                                                }))
                                .set_parallelism(3)
                                .key_by(&Payment::order)
                                .filter([](const Payment&) { return true; })
                                .set_parallelism(3)
                                .sink_to(Into<Payment>(got))
                                .set_parallelism(3);
                          }));
    CHECK(run(cluster) == "");
    std::vector<std::size_t> lengths(kCount, SIZE_MAX);
    for (const Payment& payment : got->records) lengths[static_cast<std::size_t>(payment.order)] = payment.by.size();
    CHECK(got->records.size() == kCount);
    std::int64_t wrong = 0;
    for (std::int64_t number = 0; number < kCount; ++number)
      wrong += lengths[static_cast<std::size_t>(number)] != length_of(number);
    CHECK(wrong == 0);
  }
}

TEST_CASE("jobs: one source on both inputs by two roads, one of them long, comes to its end") {
  for (const auto& settings : {kOneProcess, kThreeMachines}) {
    const auto got = std::make_shared<Got<std::int64_t>>();
    EngineCluster cluster(
        settings, job([&](StreamExecutionEnvironment& env) {
          env.set_parallelism(3);
          auto numbers = env.from_source(Made<std::int64_t>(50'000, [](std::int64_t n) { return n; }));
          auto road = numbers.rebalance()
                          .map([](std::int64_t n) { return std::to_string(n) + std::string(100, 'x'); })
                          .shuffle()
                          .map([](const std::string& s) { return static_cast<std::int64_t>(s.size()); });
          numbers.rescale()
              .connect(road.rebalance())
              .flat_map([](const std::int64_t& n, Collector<std::int64_t>& out) { out.collect(n); },
                        [](const std::int64_t& n, Collector<std::int64_t>& out) { out.collect(-n); })
              .sink_to(Into<std::int64_t>(got));
        }));
    CHECK(run(cluster) == "");
    CHECK(got->records.size() == 100'000);
  }
}

TEST_CASE(
    "jobs: the watermark behind two inputs is the lesser one, event timers fire by it, and all of them at the end") {
  struct Alarm {
    void process1(const std::int64_t& n, KeyedContext<std::int64_t>& context, Collector<std::string>&) {
      context.register_event_timer(from_ms(n * 10));
    }
    void process2(const std::int64_t&, KeyedContext<std::int64_t>&, Collector<std::string>&) {}
    void on_timer(EventTime time, KeyedContext<std::int64_t>& context, Collector<std::string>& out) {
      out.collect((context.watermark() >= time ? "ok " : "early ") + std::to_string(context.key()));
    }
  };
  const auto got = std::make_shared<Got<std::string>>();
  EngineCluster cluster(kOneProcess, job([&](StreamExecutionEnvironment& env) {
                          const auto self = [](const std::int64_t& n) { return n; };
                          auto a = env.from_source(Made<std::int64_t>(1000, self, true, true)).set_parallelism(1);
                          auto b = env.from_source(Made<std::int64_t>(3000, self, true, true)).set_parallelism(2);
                          a.connect(b)
                              .key_by(self, self)
                              .process(Alarm{})
                              .uid("alarm")
                              .set_parallelism(2)
                              .sink_to(Into<std::string>(got))
                              .set_parallelism(2);
                        }));
  CHECK(run(cluster) == "");
  CHECK(got->records.size() == 1000);
  CHECK(std::none_of(got->records.begin(), got->records.end(),
                     [](const std::string& line) { return line.starts_with("early"); }));
}

TEST_CASE("jobs: several side outputs of several types, one chained, one exchanged, one read twice, one by nobody") {
  const OutputTag<std::int64_t> even{"even"};
  const OutputTag<std::string> text{"text"};
  const OutputTag<Order> order{"order"};
  for (const auto& settings : {kOneProcess, kThreeMachines}) {
    const auto main = std::make_shared<Got<std::int64_t>>();
    const auto evens = std::make_shared<Got<std::int64_t>>();
    const auto texts = std::make_shared<Got<std::string>>();
    const auto first_orders = std::make_shared<Got<Order>>();
    const auto second_orders = std::make_shared<Got<Order>>();
    EngineCluster cluster(
        settings, job([&](StreamExecutionEnvironment& env) {
          env.set_parallelism(2);
          auto split = env.from_source(Made<std::int64_t>(6000, [](std::int64_t n) { return n; }))
                           .process([=](const std::int64_t& n, RuntimeContext& context, Collector<std::int64_t>& out) {
                             out.collect(n);
                             if (n % 2 == 0) context.output(even, n);
                             if (n % 3 == 0) context.output(text, std::to_string(n));
                             if (n % 5 == 0) context.output(order, order_of(n));
                             context.output(OutputTag<std::string>("nobody"), std::string("x"));
                           });
          split.sink_to(Into<std::int64_t>(main));
          split.side_output(even).map([](std::int64_t n) { return n; }).sink_to(Into<std::int64_t>(evens));
          split.side_output(text)
              .rebalance()
              .map([](const std::string& s) { return s; })
              .set_parallelism(3)
              .sink_to(Into<std::string>(texts))
              .set_parallelism(3);
          split.side_output(order).sink_to(Into<Order>(first_orders));
          split.side_output(order)
              .key_by(&Order::id)
              .reduce([](const Order& a, const Order&) { return a; })
              .sink_to(Into<Order>(second_orders));
        }));
    CHECK(run(cluster) == "");
    CHECK(main->records.size() == 6000);
    CHECK(evens->records.size() == 3000);
    CHECK(std::all_of(evens->records.begin(), evens->records.end(), [](std::int64_t n) { return n % 2 == 0; }));
    CHECK(texts->records.size() == 2000);
    CHECK(first_orders->records.size() == 1200);
    CHECK(second_orders->records.size() == 1200);
  }
}

TEST_CASE(
    "jobs: a custom partitioner brings records to the subtask that it names, and fails the task when there is none") {
  for (const auto& settings : {kOneProcess, kThreeMachines}) {
    const auto got = std::make_shared<Got<std::string>>();
    EngineCluster cluster(settings, job(
                                        [&](StreamExecutionEnvironment& env) {
      env.from_source(Made<Order>(3000, order_of))
          .set_parallelism(2)
          .partition_custom([](std::int64_t id, int subtasks) { return static_cast<int>(id) % subtasks; }, &Order::id)
          .map([](const Order& o, RuntimeContext& context) {
            return std::to_string(o.id % 3) + "@" + std::to_string(context.subtask_index());
          })
          .set_parallelism(3)
          .sink_to(Into<std::string>(got))
          .set_parallelism(3);
    }));
    CHECK(run(cluster) == "");
    CHECK(got->records.size() == 3000);
    CHECK(std::all_of(got->records.begin(), got->records.end(),
                      [](const std::string& line) { return line[0] == line[2]; }));

    EngineCluster wrong(settings, job([&](StreamExecutionEnvironment& env) {
                          env.from_source(Made<Order>(3000, order_of))
                              .set_parallelism(1)
                              .name("orders")
                              .partition_custom([](std::int64_t id, int subtasks) { return id == 2000 ? subtasks : 0; },
                                                &Order::id)
                              .sink_to(Into<Order>(std::make_shared<Got<Order>>()))
                              .set_parallelism(3);
                        }));
    REQUIRE(wrong.start().ok());
    REQUIRE(wrong.deploy().ok());
    CHECK(wrong.wait_for_count(proto::FAILED, 1));
    const auto reports = wrong.reports();
    const auto failed = std::find_if(reports.begin(), reports.end(), [](const auto& report) {
      return report.failure().blame() == proto::RpcError::USER;
    });
    REQUIRE(failed != reports.end());
    CHECK(failed->failure().exception() == "std::out_of_range");
    CHECK(failed->failure().message() ==
          "partition_custom: the partitioner answered 3 where it may answer 0 to 2: there are 3 subtasks behind it");
    CHECK(failed->failure().stack_trace().starts_with("in operator 'orders'"));
  }
}

namespace {

/// Notes its life; throws where it is told to.
struct Rich {
  std::shared_ptr<Got<std::string>> calls;
  std::string throws_in;
  std::int64_t throws_at = -1;
  Counter* seen = nullptr;
  Gauge* last = nullptr;

  void open(RuntimeContext& context) {
    note("open " + std::string(context.operator_name()) + " in " + std::string(context.task_name()) + " of " +
         std::string(context.job_name()) + " " + std::to_string(context.subtask_index()) + "/" +
         std::to_string(context.parallelism()) + "/" + std::to_string(context.max_parallelism()) + " #" +
         std::to_string(context.attempt()));
    seen = &context.counter("seen");
    last = &context.gauge("last");
    context.log(LogLevel::info, "opened");
    if (throws_in == "open") throw std::runtime_error("no licence");
  }
  std::int64_t operator()(const std::int64_t& number) {
    seen->add(1);
    last->set(static_cast<double>(number) / 2);
    if (number == throws_at) throw std::runtime_error("bad number");
    return number;
  }
  void close() {
    note("close");
    if (throws_in == "close") throw std::runtime_error("the disk is full");
  }
  void note(std::string line) {
    const std::lock_guard lock(calls->mutex);
    calls->records.push_back(std::move(line));
  }
};

/// A job around one rich function; with `count` 0 it waits for ever.
EngineCluster::MakeGraph rich_job(Rich rich, std::int64_t count, bool ends = true) {
  return job([=](StreamExecutionEnvironment& env) {
    env.set_parallelism(1);
    env.from_source(Made<std::int64_t>(
                        count, [](std::int64_t n) { return n; }, ends))
        .map(rich)
        .name("rich")
        .sink_to(Into<std::int64_t>(std::make_shared<Got<std::int64_t>>()));
  });
}

proto::TaskReport failed_of(EngineCluster& cluster) {
  CHECK(cluster.wait_for_count(proto::FAILED, 1));
  for (const auto& report : cluster.reports())
    if (report.status() == proto::FAILED) return report;
  return {};
}

const std::string kOpened = "open rich in Source: made -> rich -> Sink: into of test 0/1/128 #0";

}  // namespace

TEST_CASE("rich functions: know their task, count and gauge into its metrics, and are closed at the end") {
  const auto calls = std::make_shared<Got<std::string>>();
  EngineCluster cluster(kOneProcess, rich_job({calls, "", -1}, 1000));
  CHECK(run(cluster) == "");
  CHECK(calls->records == std::vector<std::string>{kOpened, "close"});
  const auto counters = cluster.reports().at(0).counters();
  CHECK(counters.user().at("rich.seen") == 1000);
  CHECK(counters.gauges().at("rich.last") == 499.5);
}

TEST_CASE(
    "rich functions: are closed after a failure, a cancellation and an open that threw; what they throw names the "
    "operator") {
  {
    const auto calls = std::make_shared<Got<std::string>>();
    EngineCluster cluster(kOneProcess, rich_job({calls, "", 7}, 1000));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(failed_of(cluster).failure().message() == "bad number");
    CHECK(calls->records == std::vector<std::string>{kOpened, "close"});
  }
  {
    const auto calls = std::make_shared<Got<std::string>>();
    EngineCluster cluster(kOneProcess, rich_job({calls, "close", -1}, 10, false));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    REQUIRE(cluster.wait_for(proto::RUNNING));
    cluster.cancel();
    CHECK(cluster.wait_for(proto::CANCELED));
    CHECK(calls->records == std::vector<std::string>{kOpened, "close"});
  }
  {
    const auto calls = std::make_shared<Got<std::string>>();
    EngineCluster cluster(kOneProcess, rich_job({calls, "open", -1}, 10));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    const auto failure = failed_of(cluster).failure();
    CHECK(failure.message() == "no licence");
    CHECK(failure.stack_trace().starts_with("in operator 'rich'"));
    CHECK(calls->records == std::vector<std::string>{kOpened, "close"});
  }
}

TEST_CASE("rich functions: a close that throws fails a task that had ended well, and changes no other failure") {
  {
    EngineCluster cluster(kOneProcess, rich_job({std::make_shared<Got<std::string>>(), "close", -1}, 10));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    const auto failure = failed_of(cluster).failure();
    CHECK(failure.message() == "the disk is full");
    CHECK(failure.stack_trace().starts_with("in operator 'rich'"));
  }
  {
    EngineCluster cluster(kOneProcess, rich_job({std::make_shared<Got<std::string>>(), "close", 7}, 10));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(failed_of(cluster).failure().message() == "bad number");
  }
}
