// For the tests of jobs: operators stepped by hand under a virtual clock, and a real cluster of child processes. Link
// libweir-testing.so.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/collector.h"
#include "weir/datastream.h"
#include "weir/detail/owned.h"
#include "weir/environment.h"
#include "weir/keyed_backend.h"
#include "weir/side_output.h"

namespace weir::detail {

inline std::vector<std::string> as_list(std::optional<std::string> text) {
  return text ? std::vector<std::string>{std::move(*text)} : std::vector<std::string>();
}

}  // namespace weir::detail

namespace weir::testing {

struct HarnessOptions {
  /// Which subtask of how many this is. With several, records of a keyed stream whose key another subtask owns are left
  /// out.
  std::uint32_t subtask_index = 0;
  std::uint32_t parallelism = 1;
  std::uint32_t max_parallelism = 128;
  /// What the clock shows at the start.
  EventTime now = from_ms(0);
  std::map<std::string, std::string> settings;
  std::uint32_t record_bytes_max = 16u << 20;
  /// Where keyed state lives; empty: in the operators' tables.
  std::function<std::unique_ptr<KeyedBackend>()> make_keyed_backend;
};

/// A record with its event time; kBeginningOfTime when it has none.
template <class T>
struct Timed {
  T record{};
  EventTime time = kBeginningOfTime;
  friend bool operator==(const Timed&, const Timed&) = default;
};

/// The part that knows no types: runs the operators of a graph as the engine's tasks, one subtask each, on the calling
/// thread. Errors of operators come as exceptions; what a user function throws comes as it was thrown.
class Harness {
 public:
  using Receive = std::function<void(const Batch&)>;

  Harness(const HarnessOptions& options);
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;
  ~Harness();

  StreamExecutionEnvironment& environment();
  /// Adds an operator whose output is what the test pushes. @return  its id, which is the input of the calls below
  std::uint32_t add_input(OutputNode output);
  /// Calls `receive` with every batch of an operator's output. Before open.
  void on_output(std::uint32_t operator_id, std::uint32_t output, Receive receive);
  /// Makes and opens all operators, with the state of these snapshots: of all subtasks that there were.
  void open(const std::vector<std::string>& snapshots);
  void close() noexcept;

  BlockPool& pool();
  std::uint32_t record_bytes_max() const;
  /// Where pushed batches go.
  Output& input(std::uint32_t input);
  void watermark(std::uint32_t input, EventTime watermark);
  void advance_to(EventTime now);
  void end_of_input(std::uint32_t input);
  void block_output(bool is_blocked);
  std::string snapshot();
  void checkpoint_completed();
  void checkpoint_aborted();
  std::uint64_t counter(std::string_view name) const;
  double gauge(std::string_view name) const;
  const std::vector<std::string>& log() const;
  /// Blocks that operators and the test hold.
  int blocks_out() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

/// What harnesses of one and of two inputs share: what comes out, the clock, state, metrics. Texts of the records that
/// take() answers are valid as long as the harness.
template <class Out>
class HarnessOutputs {
 public:
  /// Collects a side output of the last operator: before the first push. take_side then answers it.
  template <class T>
  void watch_side(const OutputTag<T>& tag) {
    auto& rows = sides_[tag.name()];
    rows = std::make_shared<Rows<T>>();
    auto kept = std::static_pointer_cast<Rows<T>>(rows);
    const EdgeNode edge = last_.value().side_output(tag).upstream().front();
    harness_.on_output(edge.source, edge.output, [kept](const Batch& batch) { kept->add(batch); });
  }
  /// Moves the clock; timers that are due run in order, each at its own time.
  void advance_to(EventTime now) {
    ready();
    harness_.advance_to(now);
  }

  /// What came out since the last take.
  std::vector<Out> take() { return rows_.take(); }
  std::vector<Timed<Out>> take_timed() { return rows_.take_timed(); }
  /// What came out of a watched side output since the last take.
  template <class T>
  std::vector<T> take_side(const OutputTag<T>& tag) {
    return std::static_pointer_cast<Rows<T>>(sides_.at(tag.name()))->take();
  }

  /// Nobody takes what comes out: after some blocks operators may emit no more, and inputs wait.
  void block_output() {
    ready();
    harness_.block_output(true);
  }
  void unblock_output() { harness_.block_output(false); }

  /// State and timers of all operators, as a checkpoint takes them: between two batches, upstream first.
  /// Errors: std::runtime_error when an operator waits or an output is blocked, so that none can be taken.
  std::string snapshot() {
    ready();
    return harness_.snapshot();
  }
  /// The last snapshot is safe; or it never will be. Operators are told.
  void checkpoint_completed() { harness_.checkpoint_completed(); }
  void checkpoint_aborted() { harness_.checkpoint_aborted(); }
  /// A failure and a restart: new operators from the same functions, with the state of now.
  void restart() {
    snapshots_ = {snapshot()};
    harness_.close();
    is_open_ = false;
    ready();
  }
  /// Sum of the counter of that name over all operators.
  std::uint64_t counter(std::string_view name) const { return harness_.counter(name); }
  /// What the gauge of that name was last set to.
  double gauge(std::string_view name) const { return harness_.gauge(name); }
  /// What functions have logged, and what their close() threw.
  const std::vector<std::string>& log() const { return harness_.log(); }
  int blocks_out() const { return harness_.blocks_out(); }

 protected:
  HarnessOutputs(const HarnessOptions& options, std::vector<std::string> snapshots)
      : harness_(options), snapshots_(std::move(snapshots)) {}

  template <class In>
  DataStream<In> make_input(std::uint32_t& id) {
    id = harness_.add_input(weir::detail::output_node<In>());
    return DataStream<In>(harness_.environment().graph(), {weir::detail::edge_from(id, 0)});
  }
  template <class Built>
  void watch(const Built& built) {
    static_assert(std::is_base_of_v<DataStream<Out>, Built>,
                  "weir: the function given to a harness must return a stream of the harness's output type");
    for (const EdgeNode& edge : built.upstream()) {
      harness_.on_output(edge.source, edge.output, [this](const Batch& batch) { rows_.add(batch); });
    }
    if constexpr (std::is_base_of_v<SingleOutput<Out>, Built>) last_.emplace(built);
  }
  void ready() {
    if (is_open_) return;
    is_open_ = true;
    harness_.open(snapshots_);
  }
  template <class In>
  void push_one(std::uint32_t input, const In& record, std::optional<EventTime> time) {
    ready();
    Collector<In> collector(harness_.pool(), harness_.record_bytes_max());
    collector.bind(harness_.input(input));
    if (time) {
      collector.collect(record, *time);
    } else {
      collector.collect(record);
    }
    collector.flush();
  }
  template <class In>
  void push_batch(std::uint32_t input, const std::vector<In>& records) {
    ready();
    Collector<In> collector(harness_.pool(), harness_.record_bytes_max());
    collector.bind(harness_.input(input));
    for (const In& record : records) collector.collect(record);
    collector.flush();
  }
  void watermark_of(std::uint32_t input, EventTime watermark) {
    ready();
    harness_.watermark(input, watermark);
  }
  void end_of(std::uint32_t input) {
    ready();
    harness_.end_of_input(input);
  }

 private:
  template <class T>
  struct Rows {
    std::deque<weir::detail::Owned<T>> owned;  // for the harness's life: Texts that were handed out point into them
    std::vector<std::int64_t> times;
    std::size_t taken = 0;

    void add(const Batch& batch) {
      T scratch{};
      batch.for_each_row([&](std::uint32_t row) {
        owned.emplace_back(RowCodec<T>::read(batch.block(), row, scratch));
        times.push_back(batch.timestamp_ms(row));
      });
    }
    std::vector<T> take() {
      std::vector<T> records;
      for (; taken < owned.size(); ++taken) records.push_back(owned[taken].get());
      return records;
    }
    std::vector<Timed<T>> take_timed() {
      std::vector<Timed<T>> records;
      for (; taken < owned.size(); ++taken) records.push_back({owned[taken].get(), from_ms(times[taken])});
      return records;
    }
  };

  Harness harness_;
  std::optional<SingleOutput<Out>> last_;
  Rows<Out> rows_;
  std::map<std::string, std::shared_ptr<void>> sides_;
  std::vector<std::string> snapshots_;
  bool is_open_ = false;
};

/// Steps the operators between an input of In and an output of Out, as a job's build function makes them, without a
/// cluster:
///     OperatorHarness<Bid, Count> harness([](auto bids) { return bids.key_by(&Bid::auction).process(CountBids{}); });
///     harness.push({.auction = 7});
///     CHECK(harness.take() == std::vector<Count>{{7, 1}});
/// Everything runs on the calling thread, as tasks of the engine do; the clock stands still unless the test moves it,
/// so an operator that waits for a time waits for advance_to. What a user function throws comes out of push, watermark,
/// advance_to or end.
template <class In, class Out>
class OperatorHarness : public HarnessOutputs<Out> {
 public:
  /// @param build     DataStream<Out> or SingleOutput<Out> (DataStream<In>)
  /// @param snapshot  bytes of an earlier harness's snapshot(): state and timers begin there
  template <class Build>
  explicit OperatorHarness(Build build, HarnessOptions options = {}, std::optional<std::string> snapshot = std::nullopt)
      : OperatorHarness(std::move(build), std::move(options), weir::detail::as_list(std::move(snapshot))) {}
  /// @param snapshots  of all subtasks of a run with another parallelism: each subtask takes up its own part of them
  template <class Build>
  OperatorHarness(Build build, HarnessOptions options, std::vector<std::string> snapshots)
      : HarnessOutputs<Out>(options, std::move(snapshots)) {
    this->watch(build(this->template make_input<In>(input_)));
  }

  void push(const In& record) { this->push_one(input_, record, std::nullopt); }
  void push(const In& record, EventTime time) { this->push_one(input_, record, time); }
  /// All records in one batch.
  void push_all(const std::vector<In>& records) { this->push_batch(input_, records); }
  void watermark(EventTime watermark) { this->watermark_of(input_, watermark); }
  /// The input ends: the last watermark, then end of input.
  void end() { this->end_of(input_); }

 private:
  std::uint32_t input_ = 0;
};

/// The same for two inputs, as streams that are connected:
///     TwoInputHarness<Order, Payment, Paid> harness([](auto orders, auto payments) { return
///     orders.connect(payments).key_by(&Order::id, &Payment::order).process(Match{}); }); harness.push1({.id = 7});
///     harness.push2({.order = 7});
template <class First, class Second, class Out>
class TwoInputHarness : public HarnessOutputs<Out> {
 public:
  /// @param build  DataStream<Out> or SingleOutput<Out> (DataStream<First>, DataStream<Second>)
  template <class Build>
  explicit TwoInputHarness(Build build, HarnessOptions options = {}, std::optional<std::string> snapshot = std::nullopt)
      : TwoInputHarness(std::move(build), std::move(options), weir::detail::as_list(std::move(snapshot))) {}
  /// @param snapshots  of all subtasks of a run with another parallelism: each subtask takes up its own part of them
  template <class Build>
  TwoInputHarness(Build build, HarnessOptions options, std::vector<std::string> snapshots)
      : HarnessOutputs<Out>(options, std::move(snapshots)) {
    auto first = this->template make_input<First>(first_);
    auto second = this->template make_input<Second>(second_);
    this->watch(build(first, second));
  }

  void push1(const First& record) { this->push_one(first_, record, std::nullopt); }
  void push1(const First& record, EventTime time) { this->push_one(first_, record, time); }
  void push2(const Second& record) { this->push_one(second_, record, std::nullopt); }
  void push2(const Second& record, EventTime time) { this->push_one(second_, record, time); }
  /// All records in one batch.
  void push_all1(const std::vector<First>& records) { this->push_batch(first_, records); }
  void push_all2(const std::vector<Second>& records) { this->push_batch(second_, records); }
  void watermark1(EventTime watermark) { this->watermark_of(first_, watermark); }
  void watermark2(EventTime watermark) { this->watermark_of(second_, watermark); }
  /// One input ends; it holds the watermark back no more.
  void end1() { this->end_of(first_); }
  void end2() { this->end_of(second_); }

 private:
  std::uint32_t first_ = 0;
  std::uint32_t second_ = 0;
};

struct MiniClusterOptions {
  int task_managers = 1;
  int slots_per_task_manager = 2;
  /// Further settings of all daemons, as in config.yaml.
  std::map<std::string, std::string> options;
  /// A distribution, or where Weir is installed (its bin has the daemons). Empty: WEIR_HOME, else where
  /// libweir-testing.so lies.
  std::string home;
  /// How long any wait may take that does not say otherwise.
  std::chrono::milliseconds deadline{20'000};
};

struct MiniClusterJob {
  std::string library;  ///< path of the job library
  std::string entry;    ///< empty: the only one
  std::vector<std::string> arguments;
  int parallelism = 0;  ///< 0: the cluster's
  std::map<std::string, std::string> configuration;
};

/// One JobManager and some TaskManagers as child processes, on ports that the kernel chose, in a temporary folder of
/// their own:
///     MiniCluster cluster;
///     const std::string job = cluster.submit({.library = "build/word_count.so", .arguments = {"--input", path}});
///     CHECK(cluster.wait_for_end(job) == "FINISHED");
/// The daemons end with the object, and with the thread that made it, however that ends. Time is real; OperatorHarness
/// has the virtual clock. Lives on: one thread. Errors of every call: std::runtime_error, one sentence, with the end of
/// the log where a daemon failed.
class MiniCluster {
 public:
  explicit MiniCluster(MiniClusterOptions options = {});
  MiniCluster(const MiniCluster&) = delete;
  MiniCluster& operator=(const MiniCluster&) = delete;
  ~MiniCluster();

  /// "127.0.0.1:40123", for `weir -m`.
  std::string rest_address() const;
  /// Uploads the library and runs the job.
  /// @return  the job's id
  std::string submit(const MiniClusterJob& job);
  /// Flink's word: "RUNNING", "FINISHED", "FAILED", ...
  std::string state(const std::string& job_id);
  /// Waits until the job has that state; an error when it ends in another one.
  void wait_for_state(const std::string& job_id, const std::string& state);
  /// Waits until the job has ended, and gives the state that it ended in.
  std::string wait_for_end(const std::string& job_id);
  std::string wait_for_end(const std::string& job_id, std::chrono::milliseconds deadline);
  void cancel(const std::string& job_id);
  /// What the job failed of; empty when it did not.
  std::string root_exception(const std::string& job_id);
  /// What jobs have printed, over all TaskManagers.
  std::string printed();
  /// The JSON answer of GET at a path of the REST API: "/jobs/overview". Any status but 200 is an error.
  std::string get(const std::string& path);

  void add_task_manager();
  /// SIGKILL, as a machine that fails.
  void kill_task_manager(int index);
  /// The folder with logs; gone with the object.
  const std::string& directory() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::testing
