#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/output_writer.h"
#include "taskmanager/exchange/poller.h"
#include "taskmanager/exchange/waker.h"
#include "taskmanager/input/input_reader.h"
#include "taskmanager/state/keyed_state_file.h"
#include "taskmanager/state/operator_snapshot.h"
#include "taskmanager/state/restored_operator.h"
#include "taskmanager/task/task.h"
#include "weir/bytes.h"
#include "weir/testing.h"

namespace weir::testing {

namespace {

using namespace taskmanager;

/// Blocks that a channel of the harness holds: those of a real exchange at its smallest.
constexpr std::uint32_t kChannelBlocks = 16;
constexpr std::uint64_t kSnapshotVersion = 1;

/// Blocks on the heap; counts what is out.
class CountingPool final : public BlockPool {
 public:
  Block* take(std::uint32_t capacity) override {
    const std::uint32_t wanted = ((capacity < kBlockCapacity ? kBlockCapacity : capacity) + 63) & ~63u;
    void* memory = std::aligned_alloc(64, sizeof(Block) + wanted);
    if (memory == nullptr) throw std::bad_alloc();
    auto* block = ::new (memory) Block;
    block->capacity = wanted;
    block->home = this;
    ++out_;
    return block;
  }
  void give(Block* block) noexcept override {
    --out_;
    std::free(block);
  }
  int out() const { return out_; }

 private:
  int out_ = 0;
};

/// Time that the test moves. Both clocks show the same.
class HandTime final : public TimeSource {
 public:
  explicit HandTime(std::int64_t now_ms) : now_ms(now_ms) {}
  SteadyTime now() const override { return SteadyTime(std::chrono::milliseconds(now_ms)); }
  WallTime wall_now() const override { return WallTime(std::chrono::milliseconds(now_ms)); }
  std::int64_t now_ms = 0;
};

/// Takes what would go to other subtasks.
class ElsewhereChannel final : public OutputChannel {
 public:
  bool push(const Element& element) override {
    drop(element);
    return true;
  }
  bool is_done() const override { return true; }
  bool is_remote() const override { return false; }
  ChannelFill fill() const override { return {}; }
};

/// Hands rows to the test; while it is shut it holds a channel's blocks, and then no more.
class TestChannel final : public OutputChannel {
 public:
  TestChannel(const bool& is_shut, Harness::Receive receive) : is_shut_(is_shut), receive_(std::move(receive)) {}
  ~TestChannel() override {
    for (const Element& element : held_) drop(element);
  }
  bool push(const Element& element) override {
    if (is_shut_) {
      if (held_.size() == kChannelBlocks) return false;
      held_.push_back(element);
    } else {
      open();
      hand_on(element);
    }
    return true;
  }
  /// It is not shut any more. @return  whether it held anything
  bool open() {
    if (is_shut_ || held_.empty()) return false;
    for (const Element& element : std::exchange(held_, {})) hand_on(element);
    return true;
  }
  bool is_done() const override { return held_.empty(); }
  bool is_remote() const override { return false; }
  ChannelFill fill() const override { return {static_cast<std::uint32_t>(held_.size()), kChannelBlocks}; }

 private:
  void hand_on(const Element& element) {
    if (element.kind == ElementKind::block) receive_(Batch(element.block));
    drop(element);
  }

  const bool& is_shut_;
  const Harness::Receive receive_;
  std::vector<Element> held_;
};

template <class T>
T demand(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}
void demand(const Result<void>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
}

/// Keyed state as bytes, written as a snapshot pool writes it.
std::string written(std::vector<std::unique_ptr<SnapshotWork>> works) {
  std::string bytes;
  KeyedStateWriter writer([&](std::string_view more) {
    bytes.append(more);
    return Result<void>();
  });
  for (auto& work : works) demand(work->run(writer));
  demand(writer.finish());
  return bytes;
}

}  // namespace

/// The chains of the graph as tasks of the engine, one subtask each, stepped by hand: rows between them go through real
/// exchanges whose other subtasks are not there. Lives on: the thread of the test.
class Harness::Parts final : public TaskEvents {
 public:
  explicit Parts(const HarnessOptions& options)
      : options_(options),
        settings_(options.settings.begin(), options.settings.end()),
        environment_(options.settings),
        time_(to_ms(options.now)),
        clock_(time_) {}
  ~Parts() override { close(); }

  StreamExecutionEnvironment& environment() { return environment_; }
  BlockPool& pool() { return pool_; }
  int blocks_out() const { return pool_.out(); }
  const HarnessOptions& options() const { return options_; }
  const std::vector<std::string>& log() const { return log_; }
  void on_output(std::uint32_t id, std::uint32_t output, Receive receive) {
    receivers_.push_back({{id, output}, std::move(receive)});
  }

  /// @param snapshots  of all subtasks of another harness or of several; empty: without state
  void open(const std::vector<std::string>& snapshots);
  void close() noexcept;

  Output& input(std::uint32_t id) { return *inputs_.at(id); }
  void watermark(std::uint32_t id, EventTime watermark) {
    input(id).emit_watermark(watermark);
    settle();
  }
  void end_of_input(std::uint32_t id);
  void advance_to(std::int64_t now_ms);
  void block_output(bool is_shut) {
    is_shut_ = is_shut;
    settle();
  }
  std::string snapshot();
  void checkpoint_completed();
  void checkpoint_aborted();
  std::uint64_t counter(std::string_view name) const;
  double gauge(std::string_view name) const;

 private:
  using Port = std::pair<std::uint32_t, std::uint32_t>;  // operator, output

  /// What the test pushes into.
  class Input final : public Output {
   public:
    explicit Input(Parts& parts) : parts_(parts) {}
    void emit(Batch& batch) override {
      for (auto& writer : writers) writer->emit(batch, false, parts_.clock_.now_us());
      parts_.settle();
    }
    void emit_side(std::uint32_t, Batch&) override {}
    void emit_watermark(EventTime watermark) override {
      for (auto& writer : writers) writer->emit_watermark(to_ms(watermark));
    }
    void end() {
      if (std::exchange(has_ended_, true)) return;
      for (auto& writer : writers) {
        writer->end_data();
        writer->end_partition();
      }
    }
    std::vector<std::unique_ptr<OutputWriter>> writers;

   private:
    Parts& parts_;
    bool has_ended_ = false;
  };

  /// One chain.
  struct Chain {
    std::vector<const OperatorNode*> nodes;
    std::unique_ptr<Task> task;
    std::shared_ptr<TaskMetrics> metrics = std::make_shared<TaskMetrics>();
    std::vector<RestoredOperator> restored;  // by node, when there is state
  };

  void on_task_status(const Task&, TaskStatus, const TaskFailure* failure) override {
    if (failure != nullptr && !failure_) failure_ = *failure;
  }
  void make_chains();
  bool is_chained(const OperatorNode& node);
  void make_inputs();
  std::unique_ptr<OutputWriter> writer_to(const OutputNode& output, const EdgeNode& edge);
  std::unique_ptr<OutputWriter> writer_to(const OutputNode& output, const Receive& receive);
  std::unique_ptr<OutputWriter> writer_of(const OutputNode& output, const Partitioner::Settings& settings,
                                          const EdgeNode* edge, std::vector<std::unique_ptr<OutputChannel>> channels);
  template <class Add>
  void add_writers(const OperatorNode& node, bool in_chain, Add&& add);
  Task::Parts parts_of(Chain& chain);
  void restore(const std::vector<std::string>& snapshots);
  void settle();
  bool step_all();
  void throw_failure();
  std::string take_snapshot(Chain& chain);

  const HarnessOptions options_;
  const std::map<std::string, std::string, std::less<>> settings_;
  StreamExecutionEnvironment environment_;
  CountingPool pool_;  // before all that holds blocks
  HandTime time_;
  StepClock clock_;
  Poller poller_;
  Waker waker_;
  std::vector<std::string> log_;
  std::vector<std::pair<Port, Receive>> receivers_;
  bool is_shut_ = false;
  std::vector<TestChannel*> test_channels_;
  std::map<const EdgeNode*, std::shared_ptr<LocalChannel>> channels_;  // between chains, and from inputs
  std::map<std::uint32_t, std::unique_ptr<Input>> inputs_;             // by operator
  std::vector<Chain> chains_;                                          // upstream first
  std::map<std::uint32_t, std::size_t> chain_of_;                      // by operator
  std::vector<std::shared_ptr<TaskMetrics>> metrics_;                  // of all chains that there were
  std::optional<TaskFailure> failure_;
  std::uint64_t checkpoint_ = 0;
  std::uint32_t attempt_ = 0;
};

void Harness::Parts::open(const std::vector<std::string>& snapshots) {
  failure_.reset();
  make_chains();
  for (const OperatorNode& node : environment_.graph().operators) {
    for (const EdgeNode& edge : node.inputs) {
      if (is_chained(node)) continue;
      auto channel = std::make_shared<LocalChannel>(kChannelBlocks, waker_, waker_);
      channel->connect();
      channels_[&edge] = std::move(channel);
    }
  }
  if (!snapshots.empty()) restore(snapshots);
  make_inputs();
  // Downstream first, as a job's tasks open.
  for (std::size_t index = chains_.size(); index-- > 0;) {
    Chain& chain = chains_[index];
    chain.task = std::make_unique<Task>(parts_of(chain), OperatorChain::Surroundings{pool_, clock_, poller_}, *this);
    chain.task->start();
    throw_failure();
  }
  settle();
}

bool Harness::Parts::is_chained(const OperatorNode& node) {
  if (node.inputs.size() != 1 || node.inputs[0].partitioner != PartitionerKind::forward) return false;
  const OperatorNode& source = environment_.graph().operators[node.inputs[0].source - 1];
  return source.make_operator != nullptr && node.chaining == Chaining::always && source.chaining != Chaining::never;
}

void Harness::Parts::make_chains() {
  for (const OperatorNode& node : environment_.graph().operators) {
    if (node.make_reader) throw std::invalid_argument("a harness has no sources but its own input: " + node.name);
    if (!node.make_operator) continue;
    if (is_chained(node)) {
      chain_of_[node.id] = chain_of_.at(node.inputs[0].source);
    } else {
      chain_of_[node.id] = chains_.size();
      chains_.emplace_back();
    }
    chains_[chain_of_[node.id]].nodes.push_back(&node);
  }
  for (Chain& chain : chains_) metrics_.push_back(chain.metrics);
}

void Harness::Parts::make_inputs() {
  for (const OperatorNode& node : environment_.graph().operators) {
    if (node.make_operator) continue;
    auto input = std::make_unique<Input>(*this);
    add_writers(node, false, [&](std::uint32_t, std::unique_ptr<OutputWriter> writer) {
      input->writers.push_back(std::move(writer));
    });
    inputs_[node.id] = std::move(input);
  }
}

/// Calls add(output, writer) for everything outside of its chain that an operator leads to.
template <class Add>
void Harness::Parts::add_writers(const OperatorNode& node, bool in_chain, Add&& add) {
  for (const OperatorNode& target : environment_.graph().operators) {
    if (in_chain && is_chained(target)) continue;
    for (const EdgeNode& edge : target.inputs)
      if (edge.source == node.id) add(edge.output, writer_to(node.outputs[edge.output], edge));
  }
  for (const auto& [port, receive] : receivers_)
    if (port.first == node.id) add(port.second, writer_to(node.outputs[port.second], receive));
}

std::unique_ptr<OutputWriter> Harness::Parts::writer_to(const OutputNode& output, const EdgeNode& edge) {
  // Of several subtasks only the own one is there; without a key, all rows are its own.
  const bool is_spread = edge.partitioner == PartitionerKind::hash;
  std::vector<std::unique_ptr<OutputChannel>> channels;
  for (std::uint32_t subtask = 0; subtask < (is_spread ? options_.parallelism : 1); ++subtask) {
    if (is_spread && subtask != options_.subtask_index) {
      channels.push_back(std::make_unique<ElsewhereChannel>());
    } else {
      channels.push_back(std::make_unique<LocalOutput>(channels_.at(&edge)));
    }
  }
  const Partitioner::Settings settings{.kind = is_spread ? PartitionerKind::hash : PartitionerKind::forward,
                                       .targets = static_cast<std::uint32_t>(channels.size()),
                                       .max_parallelism = options_.max_parallelism,
                                       .subtask = options_.subtask_index};
  return writer_of(output, settings, &edge, std::move(channels));
}

std::unique_ptr<OutputWriter> Harness::Parts::writer_to(const OutputNode& output, const Receive& receive) {
  auto channel = std::make_unique<TestChannel>(is_shut_, receive);
  test_channels_.push_back(channel.get());
  std::vector<std::unique_ptr<OutputChannel>> channels;
  channels.push_back(std::move(channel));
  return writer_of(output, {}, nullptr, std::move(channels));
}

std::unique_ptr<OutputWriter> Harness::Parts::writer_of(const OutputNode& output, const Partitioner::Settings& settings,
                                                        const EdgeNode* edge,
                                                        std::vector<std::unique_ptr<OutputChannel>> channels) {
  const bool has_key = settings.kind == PartitionerKind::hash && edge->make_key_hasher != nullptr;
  auto partitioner = std::make_unique<Partitioner>(settings, has_key ? edge->make_key_hasher() : nullptr, nullptr);
  return std::make_unique<OutputWriter>(
      output.layout, std::move(partitioner),
      std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool_, FlushPolicy{});
}

Task::Parts Harness::Parts::parts_of(Chain& chain) {
  Task::Parts parts;
  parts.facts.job_name = "harness";
  parts.facts.subtask = options_.subtask_index;
  parts.facts.parallelism = options_.parallelism;
  parts.facts.max_parallelism = options_.max_parallelism;
  parts.facts.attempt = attempt_;
  parts.facts.record_bytes_max = options_.record_bytes_max;
  parts.facts.settings = &settings_;
  parts.facts.make_keyed_backend = options_.make_keyed_backend;
  parts.facts.log = [this](LogLevel, std::string_view, std::string_view text) { log_.emplace_back(text); };
  parts.metrics = chain.metrics;
  parts.waits_for_last_checkpoint = true;
  const std::vector<OperatorNode>& operators = environment_.graph().operators;
  for (std::size_t at = 0; at < chain.nodes.size(); ++at) {
    const OperatorNode& node = *chain.nodes[at];
    parts.facts.task_name += (at == 0 ? "" : " -> ") + node.name;
    parts.plan.nodes.push_back({&node, {}, chain.restored.empty() ? nullptr : &chain.restored[at]});
    if (at > 0) {
      const EdgeNode& edge = node.inputs[0];
      const auto source = std::find_if(chain.nodes.begin(), chain.nodes.end(),
                                       [&](const OperatorNode* other) { return other->id == edge.source; });
      parts.plan.nodes[static_cast<std::size_t>(source - chain.nodes.begin())].links.push_back(
          {.output = edge.output, .index = static_cast<std::uint32_t>(at), .input = edge.input});
    }
    add_writers(node, true, [&](std::uint32_t output, std::unique_ptr<OutputWriter> writer) {
      parts.plan.nodes[at].links.push_back(
          {.output = output, .is_writer = true, .index = static_cast<std::uint32_t>(parts.writers.size())});
      parts.writers.push_back(std::move(writer));
    });
  }
  std::vector<InputReader::Edge> edges;
  for (const EdgeNode& edge : chain.nodes.front()->inputs) {
    auto signals = std::make_shared<GateSignals>(1);
    channels_.at(&edge)->attach(signals, 0);
    std::vector<std::unique_ptr<InputChannel>> channels;
    channels.push_back(std::make_unique<LocalInput>(channels_.at(&edge)));
    edges.push_back(
        {edge.input,
         std::make_unique<InputGate>(std::move(channels), std::move(signals), std::make_shared<FirstFailure>()),
         operators[edge.source - 1].outputs[edge.output].layout});
  }
  parts.input = std::make_unique<InputReader>(std::move(edges), pool_);
  return parts;
}

void Harness::Parts::close() noexcept {
  for (auto chain = chains_.rbegin(); chain != chains_.rend(); ++chain) {
    if (chain->task != nullptr) chain->task->cancel();
  }
  chains_.clear();
  chain_of_.clear();
  inputs_.clear();
  test_channels_.clear();
  channels_.clear();
  ++attempt_;
}

bool Harness::Parts::step_all() {
  bool has_worked = poller_.wait(0) > 0;
  for (Chain& chain : chains_) {
    const StepOutcome outcome = chain.task->step();
    has_worked |= outcome == StepOutcome::worked;
    has_worked |= chain.task->flush_idle();
    throw_failure();
  }
  for (auto& [id, input] : inputs_) {
    for (auto& writer : input->writers) {
      has_worked |= writer->partition().retry();
      has_worked |= writer->flush_idle(clock_.now_us());
    }
  }
  for (TestChannel* const channel : test_channels_) has_worked |= channel->open();
  return has_worked;
}

void Harness::Parts::settle() {
  clock_.read();
  while (step_all()) {
  }
}

void Harness::Parts::throw_failure() {
  if (!failure_) return;
  const TaskFailure failure = *std::exchange(failure_, std::nullopt);
  if (failure.thrown != nullptr) std::rethrow_exception(failure.thrown);
  throw std::runtime_error(failure.message);
}

void Harness::Parts::end_of_input(std::uint32_t id) {
  static_cast<Input&>(input(id)).end();
  settle();
}

void Harness::Parts::advance_to(std::int64_t now_ms) {
  settle();
  while (true) {
    std::int64_t next_us = INT64_MAX;
    for (const Chain& chain : chains_) next_us = std::min(next_us, chain.task->next_wake_us());
    const std::int64_t next_ms = next_us == INT64_MAX ? INT64_MAX : (next_us + 999) / 1000;
    if (next_ms > now_ms) break;
    const std::int64_t before_ms = time_.now_ms;
    time_.now_ms = std::max(time_.now_ms, next_ms);
    settle();
    if (time_.now_ms == before_ms) break;  // it waits for something else than time
  }
  time_.now_ms = std::max(time_.now_ms, now_ms);
  settle();
}

std::string Harness::Parts::take_snapshot(Chain& chain) {
  while (true) {
    auto taken = chain.task->snapshot(checkpoint_);
    throw_failure();
    if (!taken) {
      if (!step_all())
        throw std::runtime_error("no snapshot can be taken while an operator waits or an output is shut");
      continue;
    }
    settle();  // what went before the barrier is downstream before that takes its own
    ByteWriter out;
    for (std::size_t at = 0; at < taken->size(); ++at) {
      out.put_varint(chain.nodes[at]->id);
      out.put_text(encode_operator_state((*taken)[at].state));
      out.put_text(written(std::move((*taken)[at].works)));
    }
    return out.take();
  }
}

std::string Harness::Parts::snapshot() {
  settle();
  ++checkpoint_;
  ByteWriter out;
  out.put_varint(kSnapshotVersion);
  out.put_varint(checkpoint_);
  out.put_varint(chain_of_.size());
  for (Chain& chain : chains_) out.put_raw(take_snapshot(chain));
  return out.take();
}

void Harness::Parts::restore(const std::vector<std::string>& snapshots) {
  std::map<std::uint32_t, std::vector<RestoredOperator::Piece>> pieces;  // by operator
  const auto damaged = [] { return std::invalid_argument("the snapshot is damaged"); };
  for (const std::string& snapshot : snapshots) {
    ByteReader in(snapshot);
    std::uint64_t version = 0;
    std::uint64_t count = 0;
    if (!in.get_varint(version) || version != kSnapshotVersion || !in.get_varint(checkpoint_) || !in.get_varint(count))
      throw damaged();
    if (count != chain_of_.size())
      throw std::invalid_argument("the snapshot was made by " + std::to_string(count) + " operators, here are " +
                                  std::to_string(chain_of_.size()));
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t id = 0;
      std::string_view state;
      std::string_view keyed;
      if (!in.get_varint(id) || !chain_of_.contains(static_cast<std::uint32_t>(id)) || !in.get_text(state) ||
          !in.get_text(keyed))
        throw damaged();
      pieces[static_cast<std::uint32_t>(id)].push_back(
          {demand(decode_operator_state(state)),
           demand(KeyedStateReader::open(std::make_unique<StateBytesInMemory>(std::string(keyed))))});
    }
    if (!in.at_end()) throw damaged();
  }
  for (Chain& chain : chains_) {
    for (const OperatorNode* const node : chain.nodes)
      chain.restored.push_back(demand(RestoredOperator::share_out(checkpoint_, std::move(pieces[node->id]),
                                                                  {options_.subtask_index, options_.parallelism})));
  }
}

void Harness::Parts::checkpoint_completed() {
  for (Chain& chain : chains_) chain.task->checkpoint_completed(checkpoint_);
  settle();
  throw_failure();
}

void Harness::Parts::checkpoint_aborted() {
  for (Chain& chain : chains_) chain.task->checkpoint_aborted(checkpoint_);
  settle();
  throw_failure();
}

std::uint64_t Harness::Parts::counter(std::string_view name) const {
  std::uint64_t sum = 0;
  for (const auto& metrics : metrics_) {
    metrics->user.each([&](const std::string& full, std::uint64_t value) {
      if (full.ends_with("." + std::string(name))) sum += value;
    });
  }
  return sum;
}

double Harness::Parts::gauge(std::string_view name) const {
  double last = 0;
  for (const auto& metrics : metrics_) {
    metrics->gauges.each([&](const std::string& full, double value) {
      if (full.ends_with("." + std::string(name))) last = value;
    });
  }
  return last;
}

Harness::Harness(const HarnessOptions& options) : parts_(std::make_unique<Parts>(options)) {}
Harness::~Harness() = default;
StreamExecutionEnvironment& Harness::environment() { return parts_->environment(); }
std::uint32_t Harness::add_input(OutputNode output) {
  OperatorNode& node =
      weir::detail::add_operator(parts_->environment().graph(), OperatorRole::source, "Input", "Input", {});
  node.outputs.push_back(std::move(output));
  return node.id;
}
void Harness::on_output(std::uint32_t operator_id, std::uint32_t output, Receive receive) {
  parts_->on_output(operator_id, output, std::move(receive));
}
void Harness::open(const std::vector<std::string>& snapshots) { parts_->open(snapshots); }
void Harness::close() noexcept { parts_->close(); }
BlockPool& Harness::pool() { return parts_->pool(); }
std::uint32_t Harness::record_bytes_max() const { return parts_->options().record_bytes_max; }
Output& Harness::input(std::uint32_t input) { return parts_->input(input); }
void Harness::watermark(std::uint32_t input, EventTime watermark) { parts_->watermark(input, watermark); }
void Harness::advance_to(EventTime now) { parts_->advance_to(to_ms(now)); }
void Harness::end_of_input(std::uint32_t input) { parts_->end_of_input(input); }
void Harness::block_output(bool is_shut) { parts_->block_output(is_shut); }
std::string Harness::snapshot() { return parts_->snapshot(); }
void Harness::checkpoint_completed() { parts_->checkpoint_completed(); }
void Harness::checkpoint_aborted() { parts_->checkpoint_aborted(); }
std::uint64_t Harness::counter(std::string_view name) const { return parts_->counter(name); }
double Harness::gauge(std::string_view name) const { return parts_->gauge(name); }
const std::vector<std::string>& Harness::log() const { return parts_->log(); }
int Harness::blocks_out() const { return parts_->blocks_out(); }

}  // namespace weir::testing
