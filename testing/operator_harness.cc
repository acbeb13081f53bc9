#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "taskmanager/state/keyed_state_file.h"
#include "taskmanager/state/operator_snapshot.h"
#include "taskmanager/state/restored_operator.h"
#include "weir/bytes.h"
#include "weir/testing.h"

namespace weir::testing {

namespace {

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

class CountedCounter final : public Counter {
 public:
  void add(std::uint64_t amount) override { value += amount; }
  std::uint64_t value = 0;
};

class KeptGauge final : public Gauge {
 public:
  void set(double next) override { value = next; }
  double value = 0;
};

void demand(const Result<void>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
}
template <class T>
T demand(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

}  // namespace

/// Lives on: the thread of the test.
class Harness::Parts {
 public:
  explicit Parts(const HarnessOptions& options)
      : options_(options), environment_(options.settings), now_ms_(to_ms(options.now)) {}
  ~Parts() { close(); }

  struct Node;

  struct Context final : OperatorContext {
    Context(Parts& parts, const OperatorNode& plan) : parts(parts), plan(plan) {}
    std::string_view job_name() const override { return "harness"; }
    std::string_view task_name() const override { return plan.name; }
    std::string_view operator_name() const override { return plan.name; }
    std::uint32_t subtask_index() const override { return parts.options_.subtask_index; }
    std::uint32_t parallelism() const override { return parts.options_.parallelism; }
    std::uint32_t max_parallelism() const override { return parts.options_.max_parallelism; }
    std::uint32_t attempt() const override { return parts.attempt_; }
    BlockPool& pool() override { return parts.pool_; }
    std::int64_t now_ms() const override { return parts.now_ms_; }
    std::int64_t wall_ms() const override { return parts.now_ms_; }
    Counter* counter(std::string_view name) override { return &parts.counters_[std::string(name)]; }
    Gauge* gauge(std::string_view name) override { return &parts.gauges_[std::string(name)]; }
    void log(LogLevel, std::string_view text) override { parts.log_.emplace_back(text); }
    void wake_at(std::int64_t at_ms) override { wakes.insert(at_ms); }
    std::string_view setting(std::string_view key) const override {
      const auto found = parts.options_.settings.find(std::string(key));
      return found == parts.options_.settings.end() ? std::string_view() : std::string_view(found->second);
    }
    std::uint32_t record_bytes_max() const override { return parts.options_.record_bytes_max; }
    RestoredState* restored() override { return restored_state ? &*restored_state : nullptr; }

    Parts& parts;
    const OperatorNode& plan;
    std::multiset<std::int64_t> wakes;
    std::optional<taskmanager::RestoredOperator> restored_state;
  };

  struct NodeOutput final : Output {
    NodeOutput(Parts& parts, Node& node) : parts(parts), node(node) {}
    void emit(Batch& batch) override { parts.deliver(node, 0, batch); }
    void emit_side(std::uint32_t index, Batch& batch) override { parts.deliver(node, index, batch); }
    void emit_watermark(EventTime watermark) override { parts.deliver_watermark(node, watermark); }
    Parts& parts;
    Node& node;
  };

  struct Link {
    Node* to;
    std::size_t edge;  // index in the consumer's inputs
  };

  struct Node {
    Node(Parts& parts, const OperatorNode& plan) : plan(plan), context(parts, plan), output(parts, *this) {
      watermarks.assign(plan.inputs.size(), kBeginningOfTime);
      has_ended.assign(plan.inputs.size(), false);
      for (const EdgeNode& edge : plan.inputs)
        hashers.push_back(edge.make_key_hasher ? edge.make_key_hasher() : nullptr);
    }
    const OperatorNode& plan;
    Context context;
    NodeOutput output;
    std::unique_ptr<Operator> op;
    std::map<std::uint32_t, std::vector<Link>> links;  // by output
    std::vector<EventTime> watermarks;                 // by edge
    std::vector<bool> has_ended;                       // by edge
    std::vector<std::unique_ptr<KeyHasher>> hashers;   // by edge
    EventTime watermark = kBeginningOfTime;
    bool is_open = false;
  };

  void open(const std::string* snapshot) {
    const StreamGraph& graph = environment_.graph();
    for (const OperatorNode& plan : graph.operators) nodes_.push_back(std::make_unique<Node>(*this, plan));
    for (auto& node : nodes_) {
      for (std::size_t edge = 0; edge < node->plan.inputs.size(); ++edge) {
        const EdgeNode& from = node->plan.inputs[edge];
        nodes_[from.source - 1]->links[from.output].push_back({node.get(), edge});
      }
      if (node->plan.make_operator) node->op = node->plan.make_operator();
      if (node->plan.make_reader)
        throw std::invalid_argument("a harness has no sources but its own input: " + node->plan.name);
    }
    if (snapshot != nullptr) restore(*snapshot);
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      Node& node = *nodes_[i];
      if (node.op == nullptr) continue;
      node.is_open = true;
      demand(node.op->open(node.context));
    }
  }

  void close() noexcept {
    for (auto& node : nodes_) {
      if (node->op == nullptr || !node->is_open) continue;
      try {
        node->op->close();
      } catch (const std::exception& thrown) {
        log_.push_back("close() of " + node->plan.name + " threw: " + thrown.what());
      } catch (...) {
        log_.push_back("close() of " + node->plan.name + " threw");
      }
    }
    nodes_.clear();
    ++attempt_;
  }

  void deliver(Node& node, std::uint32_t output, Batch& batch) {
    if (batch.count() == 0) return;
    for (const auto& [target, receive] : receivers_) {
      if (target.first == node.plan.id && target.second == output) receive(batch);
    }
    for (const Link& link : node.links[output]) {
      if (batch.taken()) throw std::logic_error("an operator took a batch that others read too: " + link.to->plan.name);
      process(*link.to, link.edge, batch);
    }
  }

  void process(Node& node, std::size_t edge, Batch& batch) {
    const std::uint32_t input = node.plan.inputs[edge].input;
    if (node.hashers[edge] == nullptr || options_.parallelism == 1) {
      node.op->process(input, batch, node.output);
    } else {
      std::vector<std::uint64_t> hashes(batch.count());
      node.hashers[edge]->hash(batch, hashes.data());
      std::vector<std::uint16_t> own;
      for (std::uint32_t i = 0; i < batch.count(); ++i) {
        const std::uint32_t group = key_group_of(hashes[i], options_.max_parallelism);
        if (subtask_of_key_group(group, options_.parallelism, options_.max_parallelism) == options_.subtask_index) {
          own.push_back(static_cast<std::uint16_t>(batch.row_at(i)));
        }
      }
      Batch rest(const_cast<Block*>(&batch.block()), own.data(), static_cast<std::uint32_t>(own.size()));
      if (rest.count() > 0) node.op->process(input, rest, node.output);
      if (rest.taken()) batch.take();
    }
    await(node);
  }

  /// A writer that wants no more is asked again until it does; the clock stands meanwhile.
  void await(Node& node) {
    for (int tries = 0; tries < 10'000; ++tries) {
      auto progress = node.op->ready(node.output);
      if (!progress.ok()) throw std::runtime_error(progress.error().message);
      if (progress->kind != Progress::Kind::blocked) return;
    }
    throw std::runtime_error("still blocked after 10000 questions: " + node.plan.name);
  }

  void deliver_watermark(Node& node, EventTime watermark) {
    for (const auto& [output, links] : node.links) {
      for (const Link& link : links) take_watermark(*link.to, link.edge, watermark);
    }
  }
  void take_watermark(Node& to, std::size_t edge, EventTime watermark) {
    if (watermark <= to.watermarks[edge]) return;
    to.watermarks[edge] = watermark;
    EventTime least = kEndOfTime;
    for (const EventTime each : to.watermarks) least = each < least ? each : least;
    if (least <= to.watermark) return;
    to.watermark = least;
    to.op->on_watermark(least, to.output);
    await(to);
  }

  void advance_to(std::int64_t now_ms) {
    while (true) {
      Node* first = nullptr;
      for (auto& node : nodes_) {
        if (node->context.wakes.empty() || *node->context.wakes.begin() > now_ms) continue;
        if (first == nullptr || *node->context.wakes.begin() < *first->context.wakes.begin()) first = node.get();
      }
      if (first == nullptr) break;
      const std::int64_t at_ms = *first->context.wakes.begin();
      first->context.wakes.erase(first->context.wakes.begin());
      if (at_ms > now_ms_) now_ms_ = at_ms;
      first->op->on_timer(at_ms);
      await(*first);
    }
    if (now_ms > now_ms_) now_ms_ = now_ms;
  }

  /// Whoever reads the node's outputs has no more of them. The end of an operator's last input comes behind the last
  /// watermark, that of others before it.
  void end(Node& node) {
    for (const auto& [output, links] : node.links) {
      for (const Link& link : links) end_edge(*link.to, link.edge);
    }
  }
  void end_edge(Node& node, std::size_t edge) {
    if (node.has_ended[edge]) return;
    node.has_ended[edge] = true;
    const std::uint32_t input = node.plan.inputs[edge].input;
    bool is_input_over = true;
    bool is_all_over = true;
    for (std::size_t other = 0; other < node.has_ended.size(); ++other) {
      is_all_over &= node.has_ended[other];
      is_input_over &= node.has_ended[other] || node.plan.inputs[other].input != input;
    }
    if (is_input_over && !is_all_over) end_input(node, input);
    take_watermark(node, edge, kEndOfTime);
    if (!is_all_over) return;
    end_input(node, input);
    end(node);
  }
  void end_input(Node& node, std::uint32_t input) {
    node.op->end_of_input(input);
    await(node);
  }

  std::string snapshot() {
    ByteWriter out;
    out.put_varint(nodes_.size());
    for (auto& node : nodes_) {
      taskmanager::OperatorSnapshotBuilder builder(1);
      if (node->op != nullptr) demand(node->op->snapshot(builder));
      taskmanager::OperatorSnapshot snapshot = builder.take();
      std::string keyed;
      taskmanager::KeyedStateWriter writer([&](std::string_view bytes) {
        keyed.append(bytes);
        return Result<void>();
      });
      for (auto& work : snapshot.works) demand(work->run(writer));
      demand(writer.finish());
      out.put_text(taskmanager::encode_operator_state(snapshot.state));
      out.put_text(keyed);
    }
    return out.take();
  }

  void restore(const std::string& bytes) {
    ByteReader in(bytes);
    std::uint64_t count = 0;
    if (!in.get_varint(count) || count != nodes_.size()) {
      throw std::invalid_argument("the snapshot was made by " + std::to_string(count) + " operators, here are " +
                                  std::to_string(nodes_.size()));
    }
    for (auto& node : nodes_) {
      std::string_view state;
      std::string_view keyed;
      if (!in.get_text(state) || !in.get_text(keyed)) throw std::invalid_argument("the snapshot is damaged");
      std::vector<taskmanager::RestoredOperator::Piece> pieces;
      pieces.push_back({demand(taskmanager::decode_operator_state(state)),
                        demand(taskmanager::KeyedStateReader::open(
                            std::make_unique<taskmanager::StateBytesInMemory>(std::string(keyed))))});
      node->context.restored_state.emplace(demand(taskmanager::RestoredOperator::share_out(
          1, std::move(pieces), {options_.subtask_index, options_.parallelism})));
    }
  }

  HarnessOptions options_;
  StreamExecutionEnvironment environment_;
  CountingPool pool_;  // before nodes_: operators give their blocks back when they go
  std::map<std::string, CountedCounter> counters_;
  std::map<std::string, KeptGauge> gauges_;
  std::vector<std::string> log_;
  std::vector<std::pair<std::pair<std::uint32_t, std::uint32_t>, Receive>> receivers_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::int64_t now_ms_;
  std::uint32_t attempt_ = 0;
};

Harness::Harness(const HarnessOptions& options) : parts_(std::make_unique<Parts>(options)) {}
Harness::~Harness() = default;
StreamExecutionEnvironment& Harness::environment() { return parts_->environment_; }
std::uint32_t Harness::add_input(OutputNode output) {
  OperatorNode& node =
      weir::detail::add_operator(parts_->environment_.graph(), OperatorRole::source, "Input", "Input", {});
  node.outputs.push_back(std::move(output));
  return node.id;
}
void Harness::on_output(std::uint32_t operator_id, std::uint32_t output, Receive receive) {
  parts_->receivers_.push_back({{operator_id, output}, std::move(receive)});
}
void Harness::open(const std::string* snapshot) { parts_->open(snapshot); }
void Harness::close() noexcept { parts_->close(); }
BlockPool& Harness::pool() { return parts_->pool_; }
std::uint32_t Harness::record_bytes_max() const { return parts_->options_.record_bytes_max; }
Output& Harness::input(std::uint32_t input) { return parts_->nodes_.at(input - 1)->output; }
void Harness::watermark(std::uint32_t input, EventTime watermark) {
  parts_->deliver_watermark(*parts_->nodes_.at(input - 1), watermark);
}
void Harness::advance_to(EventTime now) { parts_->advance_to(to_ms(now)); }
void Harness::end_of_input(std::uint32_t input) { parts_->end(*parts_->nodes_.at(input - 1)); }
std::string Harness::snapshot() { return parts_->snapshot(); }
std::uint64_t Harness::counter(std::string_view name) const {
  const auto found = parts_->counters_.find(std::string(name));
  return found == parts_->counters_.end() ? 0 : found->second.value;
}
double Harness::gauge(std::string_view name) const {
  const auto found = parts_->gauges_.find(std::string(name));
  return found == parts_->gauges_.end() ? 0 : found->second.value;
}
const std::vector<std::string>& Harness::log() const { return parts_->log_; }
int Harness::blocks_out() const { return parts_->pool_.out(); }

}  // namespace weir::testing
