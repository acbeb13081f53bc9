#include "taskmanager/task/task.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "tests/support/engine_operators.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

/// A task with one output to a ring that the test reads, stepped by hand.
struct SteppedTask final : TaskEvents {
  explicit SteppedTask(RowGraph& rows, std::uint32_t window = 4, bool waits_for_last_checkpoint = false)
      : pool(64u << 20), graph(rows.graph()), channel(std::make_shared<LocalChannel>(window, waker, waker)) {
    Task::Parts parts;
    parts.facts.task_name = "stepped";
    parts.waits_for_last_checkpoint = waits_for_last_checkpoint;
    parts.metrics = std::make_shared<TaskMetrics>();
    metrics = parts.metrics;
    for (std::uint32_t index = 0; index < graph.operators.size(); ++index) {
      parts.plan.nodes.push_back({&graph.operators[index], {}});
      if (index > 0) parts.plan.nodes[index - 1].links.push_back({.index = index});
    }
    parts.plan.nodes.back().links.push_back({.is_writer = true});
    std::vector<std::unique_ptr<OutputChannel>> channels;
    channels.push_back(std::make_unique<LocalOutput>(channel));
    parts.writers.push_back(std::make_unique<OutputWriter>(
        row_layout(), std::make_unique<Partitioner>(Partitioner::Settings{}, nullptr, nullptr),
        std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool, FlushPolicy{}));
    task = std::make_unique<Task>(std::move(parts), OperatorChain::Surroundings{pool, clock, poller}, *this);
    task->start();
  }
  void on_task_status(const Task&, TaskStatus status, const TaskFailure* reason) override {
    statuses.push_back(status);
    if (reason != nullptr) failure = *reason;
  }
  /// Takes what is in the ring. @return  rows; sets has_end
  std::uint64_t drain() {
    std::uint64_t rows_seen = 0;
    for (Element element; channel->pop(element); drop(element)) {
      if (element.kind == ElementKind::block) rows_seen += element.block->rows;
      has_data_end |= element.kind == ElementKind::end_of_data;
      has_end |= element.kind == ElementKind::end_of_partition;
    }
    return rows_seen;
  }

  SlotBlockPool pool;
  Waker waker;
  SystemClock system_clock;
  StepClock clock{system_clock};
  Poller poller;
  const StreamGraph graph;
  std::shared_ptr<LocalChannel> channel;
  std::shared_ptr<TaskMetrics> metrics;
  std::vector<TaskStatus> statuses;
  TaskFailure failure;
  bool has_data_end = false;
  bool has_end = false;
  std::unique_ptr<Task> task;
};

Row plain(std::uint32_t, std::uint64_t number) { return {number % 10, number, 0}; }

/// A channel to another process whose consumer takes so many blocks.
struct ChannelAway final : OutputChannel {
  explicit ChannelAway(std::uint32_t credit) : credit(credit) {}
  bool push(const Element& element) override {
    if (element.kind == ElementKind::block && credit == 0) return false;
    if (element.kind == ElementKind::block) --credit;
    drop(element);
    return true;
  }
  bool is_done() const override { return false; }
  bool is_remote() const override { return true; }
  ChannelFill fill() const override { return {}; }
  std::uint32_t credit;
};

OutputWriter* add_writer(Task::Parts& parts, BlockPool& pool, std::uint32_t credit) {
  std::vector<std::unique_ptr<OutputChannel>> channels;
  channels.push_back(std::make_unique<ChannelAway>(credit));
  parts.writers.push_back(std::make_unique<OutputWriter>(
      row_layout(), std::make_unique<Partitioner>(Partitioner::Settings{}, nullptr, nullptr),
      std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool, FlushPolicy{}));
  return parts.writers.back().get();
}

}  // namespace

TEST_CASE("task: goes from initializing over running to finished, the last one after its consumer has taken the end") {
  RowGraph rows;
  rows.source(1, [] { return std::make_unique<RowSource>(2500, 1000, plain); });
  SteppedTask stepped(rows, 16);
  for (int step = 0; step < 50; ++step) stepped.task->step();
  CHECK(stepped.statuses == std::vector{TaskStatus::initializing, TaskStatus::running});
  CHECK(stepped.drain() == 2500);
  CHECK(stepped.has_end);
  CHECK(stepped.task->step() == StepOutcome::over);
  CHECK(stepped.statuses.back() == TaskStatus::finished);
  CHECK(stepped.pool.usage().used == 0);
}

TEST_CASE("task: a full output stops the source, and a taken block starts it again") {
  RowGraph rows;
  std::uint64_t made = 0;
  rows.source(1, [&] {
    return std::make_unique<RowSource>(0, 1024, [&](std::uint32_t subtask, std::uint64_t number) {
      ++made;
      return plain(subtask, number);
    });
  });
  SteppedTask stepped(rows, 4);
  while (stepped.task->step() == StepOutcome::worked) {
  }
  CHECK(stepped.task->step() == StepOutcome::backpressured);
  const std::uint64_t made_until_full = made;
  CHECK(made_until_full == 5 * 1024);  // four in the ring, one that waits
  CHECK(stepped.task->step() == StepOutcome::backpressured);
  CHECK(made == made_until_full);
  Element element;
  REQUIRE(stepped.channel->pop(element));
  drop(element);
  CHECK(stepped.task->step() == StepOutcome::worked);
  CHECK(stepped.task->step() == StepOutcome::backpressured);
  CHECK(made == made_until_full + 1024);
  stepped.task->cancel();
  CHECK(stepped.statuses.back() == TaskStatus::canceled);
  CHECK(stepped.task->step() == StepOutcome::over);
}

TEST_CASE("task: a batch that becomes many is finished as an overdraft, and nothing more is read meanwhile") {
  /// Emits fifty blocks for each that it gets.
  class Multiply final : public Operator {
   public:
    Result<void> open(OperatorContext& context) override {
      writer_ = std::make_unique<RowWriter>(context.pool());
      return {};
    }
    void process(std::uint32_t, Batch& batch, Output& output) override {
      for (int copy = 0; copy < 50; ++copy)
        batch.for_each_row([&](std::uint32_t index) { writer_->add(rows_of(batch.block())[index], output); });
      writer_->flush(output);
    }

   private:
    std::unique_ptr<RowWriter> writer_;
  };
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(2048, 1024, plain); });
  rows.transform(1, source, PartitionerKind::forward, [] { return std::make_unique<Multiply>(); });
  SteppedTask stepped(rows, 2);
  while (stepped.task->step() == StepOutcome::worked) {
  }
  std::uint64_t seen = 0;
  for (int round = 0; round < 1000 && !stepped.task->is_over(); ++round) {
    seen += stepped.drain();
    stepped.task->step();
    stepped.task->flush_idle();
  }
  CHECK(seen == 2048 * 50);
  CHECK(stepped.statuses.back() == TaskStatus::finished);
}

TEST_CASE("task: while one output is full, a block of another one is sent when its time has come") {
  /// Emits everything on its main output, and the first row of each batch on output 1.
  struct Sides final : Operator {
    void process(std::uint32_t, Batch& batch, Output& output) override {
      Batch first(const_cast<Block*>(&batch.block()), &first_row, 1);
      output.emit_side(1, first);
      output.emit(batch);
    }
    const std::uint16_t first_row = 0;
  };
  struct NoEvents final : TaskEvents {
    void on_task_status(const Task&, TaskStatus, const TaskFailure*) override {}
  };
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(0, 1024, plain); });
  rows.transform(1, source, PartitionerKind::forward, [] { return std::make_unique<Sides>(); });
  const StreamGraph graph = rows.graph();
  SlotBlockPool pool(64u << 20);
  const SystemClock system_clock;
  StepClock clock(system_clock);
  Poller poller;
  NoEvents events;
  Task::Parts parts;
  parts.facts.task_name = "two outputs";
  parts.metrics = std::make_shared<TaskMetrics>();
  parts.plan.nodes.push_back({&graph.operators[0], {}});
  parts.plan.nodes.push_back({&graph.operators[1], {}});
  parts.plan.nodes[0].links.push_back({.index = 1});
  parts.plan.nodes[1].links.push_back({.output = 0, .is_writer = true, .index = 0});
  parts.plan.nodes[1].links.push_back({.output = 1, .is_writer = true, .index = 1});
  const OutputWriter* const full = add_writer(parts, pool, 2);
  const OutputWriter* const open = add_writer(parts, pool, 1000);
  Task task(std::move(parts), OperatorChain::Surroundings{pool, clock, poller}, events);
  task.start();
  while (task.step() == StepOutcome::worked) {
  }
  REQUIRE(full->partition().is_blocked());
  REQUIRE(open->blocks_out() == 0);
  REQUIRE(open->next_flush_us(true) != INT64_MAX);
  CHECK(task.next_wake_us() == open->next_flush_us(true));
}

TEST_CASE("task: at its end every operator is told the last watermark, then the end, in the chain's order") {
  struct Recorder final : Operator {
    explicit Recorder(std::string name, std::vector<std::string>& lines) : name_(std::move(name)), lines_(lines) {}
    void process(std::uint32_t, Batch& batch, Output& output) override { output.emit(batch); }
    void on_watermark(EventTime watermark, WatermarkOutput& output) override {
      lines_.push_back(name_ + (watermark == kEndOfTime ? " last watermark" : " watermark"));
      output.emit_watermark(watermark);
    }
    void end_of_input(std::uint32_t) override { lines_.push_back(name_ + " end"); }
    void close() noexcept override { lines_.push_back(name_ + " close"); }
    const std::string name_;
    std::vector<std::string>& lines_;
  };
  std::vector<std::string> lines;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(1, 1, plain); });
  const auto first =
      rows.transform(1, source, PartitionerKind::forward, [&] { return std::make_unique<Recorder>("a", lines); });
  rows.transform(1, first, PartitionerKind::forward, [&] { return std::make_unique<Recorder>("b", lines); });
  SteppedTask stepped(rows, 16);
  for (int step = 0; step < 20; ++step) stepped.task->step();
  stepped.drain();
  stepped.task->step();
  CHECK(lines ==
        std::vector<std::string>{"a last watermark", "a end", "b last watermark", "b end", "a close", "b close"});
}

TEST_CASE("task: timers call their operator once, in order, and not before their time") {
  struct Timed final : Operator {
    explicit Timed(std::vector<std::int64_t>& calls) : calls_(calls) {}
    Result<void> open(OperatorContext& context) override {
      const std::int64_t now = context.now_ms();
      context.wake_at(now);
      context.wake_at(now - 5);
      context.wake_at(now);
      context.wake_at(now + 1'000'000);
      return {};
    }
    void process(std::uint32_t, Batch&, Output&) override {}
    void on_timer(std::int64_t at_ms) override { calls_.push_back(at_ms); }
    std::vector<std::int64_t>& calls_;
  };
  std::vector<std::int64_t> calls;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(0, 1, plain, 1'000'000); });
  rows.transform(1, source, PartitionerKind::forward, [&] { return std::make_unique<Timed>(calls); });
  SteppedTask stepped(rows, 16);
  for (int step = 0; step < 10; ++step) stepped.task->step();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0] == calls[1] - 5);
  CHECK(stepped.task->next_wake_us() <= (calls[1] + 1'000'000) * 1000);
  CHECK(stepped.task->next_wake_us() > stepped.clock.now_us());
}

TEST_CASE("task: an operator that is blocked is given nothing more until what it named has come") {
  struct Blocking final : Operator {
    explicit Blocking(bool& is_blocked, int& batches) : is_blocked_(is_blocked), batches_(batches) {}
    void process(std::uint32_t, Batch&, Output&) override { is_blocked_ = ++batches_ == 1; }
    Result<Progress> ready(Output&) override { return is_blocked_ ? Progress::blocked_until(0) : Progress::more(); }
    bool& is_blocked_;
    int& batches_;
  };
  bool is_blocked = false;
  int batches = 0;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(5000, 1000, plain); });
  rows.transform(1, source, PartitionerKind::forward, [&] { return std::make_unique<Blocking>(is_blocked, batches); });
  SteppedTask stepped(rows, 16);
  for (int step = 0; step < 20; ++step) stepped.task->step();
  CHECK(batches == 1);
  CHECK(stepped.statuses.back() == TaskStatus::running);
  is_blocked = false;
  for (int step = 0; step < 20; ++step) stepped.task->step();
  stepped.drain();
  stepped.task->step();
  CHECK(batches == 5);
  CHECK(stepped.statuses.back() == TaskStatus::finished);
}

TEST_CASE("task: an operator that accepts input is asked when its descriptor is readable") {
  /// Passes rows on when the descriptor says so, in another order than they came, as asynchronous calls end.
  struct Asynchronous final : Operator {
    Asynchronous(int fd, int& asked) : fd_(fd), asked_(asked) {}
    Result<void> open(OperatorContext& context) override {
      writer_ = std::make_unique<RowWriter>(context.pool());
      return {};
    }
    void process(std::uint32_t, Batch& batch, Output&) override {
      batch.for_each_row([&](std::uint32_t row) { waiting_.push_back(rows_of(batch.block())[row]); });
    }
    Result<Progress> ready(Output& output) override {
      ++asked_;
      std::uint64_t count = 0;
      if (::read(fd_, &count, sizeof count) == sizeof count) {
        for (; !waiting_.empty(); waiting_.pop_back()) writer_->add(waiting_.back(), output);
        writer_->flush(output);
      }
      if (has_ended_ && !waiting_.empty()) return Progress::blocked_on(fd_);
      return Progress::more_and_wake(fd_);
    }
    void end_of_input(std::uint32_t) override { has_ended_ = true; }
    const int fd_;
    int& asked_;
    bool has_ended_ = false;
    std::vector<Row> waiting_;
    std::unique_ptr<RowWriter> writer_;
  };
  const UniqueFd done(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const auto complete = [&] {
    const std::uint64_t one = 1;
    REQUIRE(::write(done.get(), &one, sizeof one) == sizeof one);
  };
  int asked = 0;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(3000, 1000, plain); });
  rows.transform(1, source, PartitionerKind::forward,
                 [&] { return std::make_unique<Asynchronous>(done.get(), asked); });
  SteppedTask stepped(rows, 16);
  stepped.task->step();
  stepped.task->step();
  stepped.task->step();
  CHECK(stepped.drain() == 0);
  const int asked_before = asked;
  complete();
  stepped.poller.wait(0);
  stepped.task->step();
  stepped.task->flush_idle();
  CHECK(asked > asked_before);
  CHECK(stepped.drain() >= 1000);
  for (int step = 0; step < 20; ++step) stepped.task->step();
  CHECK(stepped.statuses.back() == TaskStatus::running);  // it waits at its end
  complete();
  stepped.poller.wait(0);
  for (int step = 0; step < 20; ++step) {
    stepped.task->step();
    stepped.task->flush_idle();
    stepped.drain();
  }
  CHECK(stepped.statuses.back() == TaskStatus::finished);
  CHECK(stepped.pool.usage().used == 0);
}

namespace {

/// Adds up what it gets, emits the sum before a checkpoint, and notes it.
struct Summing final : Operator {
  Summing(std::vector<std::string>& lines, int chunks) : lines_(lines), chunks_(chunks) {}
  Result<void> open(OperatorContext& context) override {
    writer_ = std::make_unique<RowWriter>(context.pool());
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output&) override {
    batch.for_each_row([&](std::uint32_t row) { sum_ += rows_of(batch.block())[row].value; });
  }
  Result<Progress> prepare_snapshot(std::uint64_t id, Output& output) override {
    if (prepared_ == chunks_) return Progress::more();
    ++prepared_;
    lines_.push_back("prepare " + std::to_string(id));
    writer_->add({0, sum_, 0}, output);
    writer_->flush(output);
    return Progress::again();
  }
  Result<void> snapshot(SnapshotContext& context) override {
    prepared_ = 0;
    lines_.push_back("snapshot " + std::to_string(context.checkpoint_id()));
    context.add_item("sum", Redistribution::list, std::to_string(sum_));
    return {};
  }
  Result<void> checkpoint_completed(std::uint64_t id) override {
    lines_.push_back("completed " + std::to_string(id));
    return {};
  }
  void checkpoint_aborted(std::uint64_t id) override { lines_.push_back("aborted " + std::to_string(id)); }
  std::vector<std::string>& lines_;
  const int chunks_;
  int prepared_ = 0;
  std::uint64_t sum_ = 0;
  std::unique_ptr<RowWriter> writer_;
};

}  // namespace

TEST_CASE("task: before a snapshot operators emit what belongs before the barrier, part by part, upstream first") {
  std::vector<std::string> first;
  std::vector<std::string> second;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(0, 10, plain); });
  const auto sums =
      rows.transform(1, source, PartitionerKind::forward, [&] { return std::make_unique<Summing>(first, 3); });
  rows.transform(1, sums, PartitionerKind::forward, [&] { return std::make_unique<Summing>(second, 1); });
  SteppedTask stepped(rows, 16);
  stepped.task->step();
  stepped.task->step();
  std::optional<std::vector<OperatorSnapshot>> taken;
  for (int tries = 0; tries < 20 && !taken; ++tries) {
    taken = stepped.task->snapshot(7);
    // Between two tries nothing is read: only what was marked goes on.
  }
  CHECK_FALSE(taken);  // what is to be emitted again needs steps in between
  for (int tries = 0; tries < 20 && !taken; ++tries) {
    stepped.task->step();
    taken = stepped.task->snapshot(7);
  }
  REQUIRE(taken);
  REQUIRE(taken->size() == 3);
  CHECK(first == std::vector<std::string>{"prepare 7", "prepare 7", "prepare 7", "snapshot 7"});
  CHECK(second == std::vector<std::string>{"prepare 7", "snapshot 7"});
  REQUIRE((*taken)[2].state.items.size() == 1);
  stepped.task->checkpoint_completed(7);
  stepped.task->checkpoint_aborted(8);
  CHECK(first.back() == "aborted 8");
  CHECK(second[second.size() - 2] == "completed 7");
}

TEST_CASE("task: a task that waits for its last checkpoint has ended its data, takes a snapshot, and then ends") {
  std::vector<std::string> lines;
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(10, 10, plain); });
  rows.transform(1, source, PartitionerKind::forward, [&] { return std::make_unique<Summing>(lines, 0); });
  SteppedTask stepped(rows, 16, true);
  for (int step = 0; step < 20; ++step) {
    stepped.task->step();
    stepped.drain();
  }
  CHECK(stepped.has_data_end);
  CHECK_FALSE(stepped.has_end);
  CHECK(stepped.statuses.back() == TaskStatus::running);
  const auto taken = stepped.task->snapshot(3);
  REQUIRE(taken);
  CHECK((*taken)[1].state.items[0].items == std::vector<std::string>{"45"});
  stepped.task->checkpoint_completed(3);
  stepped.task->last_checkpoint_completed();
  for (int step = 0; step < 5; ++step) {
    stepped.task->step();
    stepped.drain();
  }
  CHECK(stepped.has_end);
  CHECK(stepped.statuses.back() == TaskStatus::finished);
  CHECK(lines == std::vector<std::string>{"snapshot 3", "completed 3"});
}

TEST_CASE("task: what checkpoint_completed returns as an error fails the task") {
  struct Refusing final : Operator {
    void process(std::uint32_t, Batch&, Output&) override {}
    Result<void> checkpoint_completed(std::uint64_t) override {
      return Error::external(ErrorCode::unavailable, "the transaction is lost");
    }
  };
  RowGraph rows;
  const auto source = rows.source(1, [] { return std::make_unique<RowSource>(0, 10, plain); });
  rows.transform(1, source, PartitionerKind::forward, [] { return std::make_unique<Refusing>(); });
  SteppedTask stepped(rows, 16);
  stepped.task->step();
  stepped.task->checkpoint_completed(1);
  CHECK(stepped.statuses.back() == TaskStatus::failed);
  CHECK(stepped.failure.message == "the transaction is lost");
}

TEST_CASE("task_counters: time belongs to what was done in it") {
  TaskMetrics metrics;
  metrics.turn(Activity::busy, 1000);
  metrics.turn(Activity::idle, 1500);
  metrics.turn(Activity::busy, 1600);
  CHECK(metrics.spent_us(Activity::busy, 1700) == 600);
  CHECK(metrics.spent_us(Activity::idle, 1700) == 100);
  CHECK(metrics.spent_us(Activity::backpressured, 1700) == 0);
  CHECK(metrics.user.find_or_add("a") == metrics.user.find_or_add("a"));
}

TEST_CASE(
    "task_counters: names from user code are printable and bounded in length and number, so that a report of them can "
    "be sent") {
  CounterList counters;
  OwnedCounter* const broken = counters.find_or_add("map.\xff\xfe\n");
  broken->add(3);
  CHECK(counters.find_or_add("map.\xff\xfe\n") == broken);
  counters.find_or_add(std::string(10'000, 'n'));
  for (int index = 0; index < 5000; ++index) counters.find_or_add("map.record-" + std::to_string(index))->add(1);
  std::size_t count = 0;
  std::size_t name_bytes = 0;
  std::uint64_t others = 0;
  counters.each([&](const std::string& name, std::uint64_t value) {
    ++count;
    name_bytes = std::max(name_bytes, name.size());
    if (name == CounterList::kOthersName) others = value;
    if (value == 3) CHECK(name == "map.\\xff\\xfe\\n");
  });
  CHECK(count == CounterList::kMetricsMax + 1);
  CHECK(others == 5000 - (CounterList::kMetricsMax - 2));
  CHECK(name_bytes <= CounterList::kNameBytesMax + 3);
}

TEST_CASE("task_failure: what user code says is cut, and says by how much") {
  TaskFailure failure;
  try {
    throw std::runtime_error(std::string(1'000'000, 'm'));
  } catch (...) {
    failure = failure_of_exception("in operator 'map'", [] { return std::string(1'000'000, 's'); });
  }
  CHECK(failure.message.size() < 33 * 1024);
  CHECK(failure.message.ends_with("m... (967232 more bytes)"));
  CHECK(failure.stack_trace.size() < 65 * 1024);
  CHECK(failure.stack_trace.starts_with("in operator 'map'\n"));
}
