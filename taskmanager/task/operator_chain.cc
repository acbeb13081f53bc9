#include "taskmanager/task/operator_chain.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/vector_registers.h"
#include "common/observe/log.h"
#include "taskmanager/task/split_outputs.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kEndMs = std::numeric_limits<std::int64_t>::max();
/// An operator that is blocked and names nothing that wakes it is asked again this often.
constexpr std::int64_t kAskAgainMs = 1;

Block* copy_of(const Block& source, BlockPool& pool) {
  Block* const copy = pool.take(source.capacity);
  std::memcpy(reinterpret_cast<std::uint8_t*>(copy), reinterpret_cast<const std::uint8_t*>(&source),
              offsetof(Block, capacity));
  std::memcpy(copy->payload(), source.payload(), Block::prefix_bytes(source.flags) + source.fixed_bytes);
  std::memcpy(copy->end() - source.text_bytes, source.end() - source.text_bytes, source.text_bytes);
  return copy;
}

}  // namespace

/// Rows go on at once; a watermark when the call that emitted it has returned.
class OperatorChain::NodeOutput final : public Output {
 public:
  NodeOutput(OperatorChain& chain, Node& node) : chain_(chain), node_(node) {}
  void emit(Batch& batch) override { chain_.deliver(node_, 0, batch); }
  void emit_side(std::uint32_t index, Batch& batch) override { chain_.deliver(node_, index, batch); }
  void emit_watermark(EventTime watermark) override;

 private:
  OperatorChain& chain_;
  Node& node_;
};

struct OperatorChain::Node final : PollWatcher {
  Node(OperatorChain& chain, const ChainPlan::Node& plan) : output(chain, *this), links(plan.links), plan(plan.plan) {}
  void on_ready(std::uint32_t) override { is_fd_ready = true; }

  NodeOutput output;
  std::vector<ChainPlan::Link> links;
  const OperatorNode* plan;
  std::vector<const Node*> behind;            // all nodes that it leads to
  std::vector<std::uint32_t> writers_behind;  // all outputs of the task that it leads to
  std::unique_ptr<TaskOperatorContext> context;
  std::unique_ptr<Operator> op;
  std::unique_ptr<SourceReader> reader;
  bool is_open = false;
  OwnedCounter* rows_in = nullptr;
  OwnedCounter* rows_out = nullptr;
  std::int64_t watermark_in = std::numeric_limits<std::int64_t>::min();
  std::int64_t watermark_out = std::numeric_limits<std::int64_t>::min();
  std::int64_t watermark_emitted = std::numeric_limits<std::int64_t>::min();  // may not be handed on yet
  bool holds_end = false;                                                     // the end of time is not handed on yet
  bool is_due = false;                                                        // was called and not asked since
  std::uint64_t asked_in = 0;                                                 // the advance that asked it last
  std::unique_ptr<SplitOutputs> splits;                                       // a source's
  // What it waits for
  bool is_waiting = false;
  bool is_fd_ready = false;
  int wake_fd = -1;
  std::int64_t wake_at_ms = Timers::kNever;
};

void OperatorChain::NodeOutput::emit_watermark(EventTime watermark) {
  node_.watermark_emitted = std::max(node_.watermark_emitted, to_ms(watermark));
}

OperatorChain::OperatorChain(ChainPlan plan, std::vector<std::unique_ptr<OutputWriter>>& writers,
                             const TaskFacts& facts, Surroundings surroundings, TaskMetrics& metrics)
    : plan_(std::move(plan)), writers_(writers), facts_(facts), surroundings_(surroundings), metrics_(metrics) {
  ENSURE(!plan_.nodes.empty(), "a chain without operators");
  for (std::size_t index = 0; index < plan_.nodes.size(); ++index) {
    auto node = std::make_unique<Node>(*this, plan_.nodes[index]);
    // Those that only read a batch come before the one that may take its block.
    std::stable_sort(node->links.begin(), node->links.end(),
                     [](const auto& a, const auto& b) { return a.is_writer && !b.is_writer; });
    for (const auto& link : node->links)
      ENSURE(link.is_writer ? link.index < writers_.size() : link.index > index && link.index < plan_.nodes.size(),
             "link {}", link.index);
    nodes_.push_back(std::move(node));
  }
  for (std::size_t index = nodes_.size(); index-- > 0;) {
    Node& node = *nodes_[index];
    for (const auto& link : node.links) {
      if (link.is_writer) {
        node.writers_behind.push_back(link.index);
        continue;
      }
      const Node& next = *nodes_[link.index];
      node.behind.push_back(&next);
      node.behind.insert(node.behind.end(), next.behind.begin(), next.behind.end());
      node.writers_behind.insert(node.writers_behind.end(), next.writers_behind.begin(), next.writers_behind.end());
    }
  }
  current_ = nodes_.front().get();
  input_of_.resize(nodes_.size());
}

OperatorChain::~OperatorChain() { close(nullptr); }

Result<void> OperatorChain::open() {
  for (std::size_t index = nodes_.size(); index-- > 0;) {
    if (auto opened = open(*nodes_[index], static_cast<std::uint32_t>(index)); !opened.ok()) return opened;
  }
  return {};
}

Result<void> OperatorChain::open(Node& node, std::uint32_t index) {
  current_ = &node;
  clear_upper_halves();  // the next operator's code ran before
  node.context = std::make_unique<TaskOperatorContext>(
      facts_, TaskOperatorContext::Place{node.plan->name, index, plan_.nodes[index].restored}, surroundings_.pool,
      surroundings_.clock, timers_, metrics_);
  node.rows_in = metrics_.user.find_or_add(node.plan->name + ".numRecordsIn");
  node.rows_out = metrics_.user.find_or_add(node.plan->name + ".numRecordsOut");
  if (node.plan->make_reader) {
    ENSURE(index == 0, "a source inside a chain: {}", node.plan->name);
    node.reader = node.plan->make_reader();
    node.splits = std::make_unique<SplitOutputs>(node.output);
    node.is_open = true;
    return node.reader->open(*node.context);
  }
  ENSURE(node.plan->make_operator != nullptr, "no code for operator {}", node.plan->name);
  node.op = node.plan->make_operator();
  node.is_open = true;
  if (auto opened = node.op->open(*node.context); !opened.ok()) return opened;
  mark_due(node);  // what it restored may have work
  return {};
}

std::optional<TaskFailure> OperatorChain::close(ThrowPlace throw_place) noexcept {
  std::optional<TaskFailure> failure;
  for (auto& node : nodes_) {
    if (node->wake_fd >= 0) surroundings_.poller.remove(std::exchange(node->wake_fd, -1), node.get());
    if (!std::exchange(node->is_open, false)) continue;
    current_ = node.get();
    try {
      if (node->reader != nullptr) node->reader->close();
      if (node->op != nullptr) node->op->close();
    } catch (...) {
      TaskFailure thrown = failure_of_exception(place(), throw_place);
      node->context->log(LogLevel::warn, fmt::format("close() of {} threw: {}", node->plan->name, thrown.message));
      if (!failure) failure = std::move(thrown);
    }
  }
  // Blocks that operators keep go home here.
  for (auto& node : nodes_) {
    node->reader.reset();
    node->op.reset();
  }
  return failure;
}

void OperatorChain::deliver(Node& node, std::uint32_t output, Batch& batch) {
  clear_upper_halves();  // the operator's code ran up to here
  if (batch.count() == 0) return;
  node.rows_out->add(batch.count());
  if (node.links.size() == 1 && output == 0 && node.links[0].output == 0) [[likely]] {
    const auto& link = node.links[0];
    if (link.is_writer) {
      writers_[link.index]->emit(batch, true, surroundings_.clock.now_us());
    } else {
      call(*nodes_[link.index], link.input, batch);
    }
    return;
  }
  deliver_to_several(node, output, batch);
}

void OperatorChain::deliver_to_several(Node& node, std::uint32_t output, Batch& batch) {
  const auto last =
      std::find_if(node.links.rbegin(), node.links.rend(), [&](const auto& link) { return link.output == output; });
  if (last == node.links.rend()) return;
  for (auto& link : node.links) {
    if (link.output != output) continue;
    const bool is_last = &link == &*last;
    if (link.is_writer) {
      writers_[link.index]->emit(batch, is_last, surroundings_.clock.now_us());
    } else if (is_last) {
      call(*nodes_[link.index], link.input, batch);
    } else {
      // Whoever gets the batch may keep its block: the others get one of their own.
      Block* const copy = copy_of(batch.block(), surroundings_.pool);
      Batch own = batch.selection() == nullptr ? Batch(copy) : Batch(copy, batch.selection(), batch.count());
      struct GiveBack {
        Batch& batch;
        Block* block;
        ~GiveBack() {
          if (!batch.taken()) block->home->give(block);
        }
      } give_back{own, copy};
      call(*nodes_[link.index], link.input, own);
    }
  }
}

void OperatorChain::mark_due(Node& node) {
  if (!std::exchange(node.is_due, true)) ++due_;
}

void OperatorChain::call(Node& node, std::uint32_t input, Batch& batch) {
  Node* const caller = std::exchange(current_, &node);
  node.rows_in->add(batch.count());
  ++calls_;
  mark_due(node);
  node.op->process(input, batch, node.output);
  clear_upper_halves();
  deliver_watermark(node);
  current_ = caller;
}

void OperatorChain::deliver_watermark(Node& node) {
  const std::int64_t ms = node.watermark_emitted;
  if (ms <= node.watermark_out || (ms == kEndMs && node.holds_end)) return;
  node.watermark_out = ms;
  for (const auto& link : node.links) {
    if (link.is_writer) {
      writers_[link.index]->emit_watermark(ms);
    } else {
      call_watermark(*nodes_[link.index], ms);
    }
  }
}

void OperatorChain::call_watermark(Node& node, std::int64_t ms) {
  if (ms <= node.watermark_in) return;
  node.watermark_in = ms;
  Node* const caller = std::exchange(current_, &node);
  ++calls_;
  mark_due(node);
  node.op->on_watermark(from_ms(ms), node.output);
  deliver_watermark(node);
  current_ = caller;
}

void OperatorChain::call_end_of_input(Node& node, std::uint32_t input) {
  current_ = &node;
  mark_due(node);
  node.op->end_of_input(input);
}

void OperatorChain::process(std::uint32_t input, Batch& batch) { call(*nodes_.front(), input, batch); }

void OperatorChain::on_watermark(std::int64_t ms) { call_watermark(*nodes_.front(), ms); }

void OperatorChain::end_of_input(std::uint32_t input) { call_end_of_input(*nodes_.front(), input); }

bool OperatorChain::run_timers() {
  bool has_run = false;
  for (Timers::Timer timer; timers_.take_due(surroundings_.clock.now_ms(), timer);) {
    call_timer(timer);
    has_run = true;
  }
  return has_run;
}

void OperatorChain::call_timer(const Timers::Timer& timer) {
  Node& node = *nodes_[timer.node];
  if (timer.node < ending_node_) return;
  if (node.op == nullptr) {
    node.wake_at_ms = std::min(node.wake_at_ms, timer.at_ms);  // a source is asked instead
    return;
  }
  current_ = &node;
  mark_due(node);
  node.op->on_timer(timer.at_ms);
}

Result<bool> OperatorChain::poll_source() {
  Node& node = *nodes_.front();
  if (node.is_waiting && !has_come(node)) return false;
  current_ = &node;
  const std::uint64_t rows_before = node.rows_out->value();
  auto progress = node.reader->poll(*node.splits);
  if (!progress.ok()) return std::move(progress).error();
  deliver_watermark(node);
  node.is_waiting = false;
  is_source_finished_ = progress->kind == Progress::Kind::finished;
  if (progress->kind == Progress::Kind::more || is_source_finished_) return true;
  node.is_waiting = true;
  watch(node, *progress);
  return node.rows_out->value() != rows_before;
}

Result<bool> OperatorChain::advance() {
  bool has_asked = false;
  ++advances_;
  for (std::size_t index = nodes_.size(); index-- > 0;) {
    Node& node = *nodes_[index];
    if (!wants_to_be_asked(node) || !may_emit(node)) continue;
    const std::uint64_t calls_before = calls_;
    if (auto asked = ask(node); !asked.ok()) return std::move(asked).error();
    has_asked = true;
    if (calls_ != calls_before) index = nodes_.size();  // those that got something come first
  }
  return has_asked;
}

bool OperatorChain::wants_to_be_asked(const Node& node) const {
  if (node.op == nullptr) return false;
  return node.is_due || (node.asked_in != advances_ && has_come(node));
}

bool OperatorChain::may_emit(const Node& node) const {
  for (const Node* next : node.behind)
    if (next->is_waiting || next->is_due) return false;
  for (const std::uint32_t writer : node.writers_behind)
    if (writers_[writer]->partition().is_blocked()) return false;
  return true;
}

Result<void> OperatorChain::ask(Node& node) {
  current_ = &node;
  node.asked_in = advances_;
  if (std::exchange(node.is_due, false)) --due_;
  auto progress = node.op->ready(node.output);
  if (!progress.ok()) return std::move(progress).error();
  deliver_watermark(node);
  note(node, *progress);
  return {};
}

void OperatorChain::note(Node& node, const Progress& progress) {
  const bool is_waiting = progress.kind == Progress::Kind::blocked;
  if (is_waiting != std::exchange(node.is_waiting, is_waiting)) waiting_ += is_waiting ? 1 : -1;
  // What is watched already, and has not come, stays as it is: no system call per batch.
  if (!is_waiting && progress.wake_fd == node.wake_fd && !node.is_fd_ready) {
    node.wake_at_ms = progress.wake_at_ms;
    return;
  }
  watch(node, progress);
}

void OperatorChain::watch(Node& node, const Progress& progress) {
  node.is_fd_ready = false;
  node.wake_at_ms = progress.wake_at_ms;
  if (node.wake_fd >= 0 && node.wake_fd != progress.wake_fd) surroundings_.poller.remove(node.wake_fd, &node);
  node.wake_fd = progress.wake_fd;
  if (node.wake_fd >= 0) {
    // What can't be waited for (a plain file) is always ready.
    if (!surroundings_.poller.watch(node.wake_fd, EPOLLIN | EPOLLONESHOT, &node)) node.is_fd_ready = true;
  } else if (node.wake_at_ms == Progress::kNever && progress.kind == Progress::Kind::blocked) {
    node.wake_at_ms = surroundings_.clock.now_ms() + kAskAgainMs;
  }
}

bool OperatorChain::has_come(const Node& node) const {
  return node.is_fd_ready || node.wake_at_ms <= surroundings_.clock.now_ms();
}

Result<bool> OperatorChain::step_ending(std::uint32_t last_input) {
  for (; ending_node_ < nodes_.size(); ++ending_node_, is_ending_begun_ = false) {
    Node& node = *nodes_[ending_node_];
    if (node.op != nullptr) {
      if (!is_settled()) return false;
      if (!std::exchange(is_ending_begun_, true)) {
        node.holds_end = true;
        call_watermark(node, kEndMs);
        call_end_of_input(node, ending_node_ == 0 ? last_input : input_of_[ending_node_]);
        if (auto advanced = advance(); !advanced.ok()) return advanced;
        if (!is_settled()) return false;
      }
    }
    for (const auto& link : node.links)
      if (!link.is_writer) input_of_[link.index] = link.input;
  }
  return true;
}

Result<bool> OperatorChain::step_prepare_snapshot(std::uint64_t checkpoint_id) {
  if (std::exchange(preparing_checkpoint_, checkpoint_id) != checkpoint_id) preparing_node_ = 0;
  for (; preparing_node_ < nodes_.size(); ++preparing_node_) {
    Node& node = *nodes_[preparing_node_];
    if (!is_settled()) return false;
    if (node.op == nullptr) continue;
    if (!may_emit(node)) return false;
    current_ = &node;
    auto progress = node.op->prepare_snapshot(checkpoint_id, node.output);
    if (!progress.ok()) return std::move(progress).error();
    deliver_watermark(node);
    if (progress->kind == Progress::Kind::blocked) {
      note(node, *progress);
      return false;
    }
    if (auto advanced = advance(); !advanced.ok()) return advanced;
  }
  return is_settled();
}

Result<std::vector<OperatorSnapshot>> OperatorChain::snapshot(std::uint64_t checkpoint_id) {
  ENSURE(is_settled(), "a snapshot of a chain that has something to emit");
  preparing_checkpoint_ = 0;
  std::vector<OperatorSnapshot> snapshots;
  for (auto& node : nodes_) {
    current_ = node.get();
    OperatorSnapshotBuilder builder(checkpoint_id);
    auto taken = node->op != nullptr ? node->op->snapshot(builder) : node->reader->snapshot(builder);
    if (!taken.ok()) return std::move(taken).error();
    snapshots.push_back(builder.take());
  }
  return snapshots;
}

Result<void> OperatorChain::checkpoint_completed(std::uint64_t checkpoint_id) {
  for (auto& node : nodes_) {
    current_ = node.get();
    auto taken = node->op != nullptr ? node->op->checkpoint_completed(checkpoint_id)
                                     : node->reader->checkpoint_completed(checkpoint_id);
    if (!taken.ok()) return taken;
  }
  return {};
}

void OperatorChain::checkpoint_aborted(std::uint64_t checkpoint_id) {
  if (preparing_checkpoint_ == checkpoint_id) preparing_checkpoint_ = 0;
  for (auto& node : nodes_) {
    current_ = node.get();
    if (node->op != nullptr) {
      node->op->checkpoint_aborted(checkpoint_id);
    } else {
      node->reader->checkpoint_aborted(checkpoint_id);
    }
  }
}

std::int64_t OperatorChain::next_wake_ms() const {
  std::int64_t next = timers_.next_ms();
  for (const auto& node : nodes_) {
    if (!may_emit(*node)) continue;  // what holds it back wakes the slot
    next = std::min(next, node->is_fd_ready ? 0 : node->wake_at_ms);
  }
  return next;
}

std::string OperatorChain::place() const { return fmt::format("in operator '{}'", current_->plan->name); }

}  // namespace weir::taskmanager
