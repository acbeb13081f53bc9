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

class OperatorChain::NodeOutput final : public Output {
 public:
  NodeOutput(OperatorChain& chain, Node& node) : chain_(chain), node_(node) {}
  void emit(Batch& batch) override { chain_.deliver(node_, 0, batch); }
  void emit_side(std::uint32_t index, Batch& batch) override { chain_.deliver(node_, index, batch); }
  void emit_watermark(EventTime watermark) override { chain_.deliver_watermark(node_, to_ms(watermark)); }

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
  std::unique_ptr<TaskOperatorContext> context;
  std::unique_ptr<Operator> op;
  std::unique_ptr<SourceReader> reader;
  bool is_open = false;
  OwnedCounter* rows_in = nullptr;
  OwnedCounter* rows_out = nullptr;
  std::int64_t watermark_in = std::numeric_limits<std::int64_t>::min();
  std::int64_t watermark_out = std::numeric_limits<std::int64_t>::min();
  bool holds_end = false;  // what it says about the end of time is not passed on yet
  // What it waits for
  bool is_waiting = false;
  bool is_fd_ready = false;
  int wake_fd = -1;
  std::int64_t wake_at_ms = Timers::kNever;
};

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
  current_ = nodes_.front().get();
  input_of_.resize(nodes_.size());
}

OperatorChain::~OperatorChain() { close(nullptr); }

Result<void> OperatorChain::open() {
  for (std::size_t index = nodes_.size(); index-- > 0;) {
    Node& node = *nodes_[index];
    current_ = &node;
    clear_upper_halves();  // the next operator's code ran before
    node.context = std::make_unique<TaskOperatorContext>(facts_, node.plan->name, static_cast<std::uint32_t>(index),
                                                         surroundings_.pool, surroundings_.clock, timers_, metrics_);
    node.rows_in = metrics_.user.find_or_add(node.plan->name + ".numRecordsIn");
    node.rows_out = metrics_.user.find_or_add(node.plan->name + ".numRecordsOut");
    if (node.plan->make_reader) {
      ENSURE(index == 0, "a source inside a chain: {}", node.plan->name);
      node.reader = node.plan->make_reader();
      node.is_open = true;
      if (auto opened = node.reader->open(*node.context); !opened.ok()) return opened;
    } else {
      ENSURE(node.plan->make_operator != nullptr, "no code for operator {}", node.plan->name);
      node.op = node.plan->make_operator();
      node.is_open = true;
      if (auto opened = node.op->open(*node.context); !opened.ok()) return opened;
    }
  }
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
      LOG_WARN("{} - {}: close() threw {}: {}", facts_.display_name(), node->plan->name, thrown.exception,
               thrown.message);
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

void OperatorChain::call(Node& node, std::uint32_t input, Batch& batch) {
  Node* const caller = std::exchange(current_, &node);
  node.rows_in->add(batch.count());
  node.op->process(input, batch, node.output);
  clear_upper_halves();
  current_ = caller;
}

void OperatorChain::deliver_watermark(Node& node, std::int64_t ms) {
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
  node.op->on_watermark(from_ms(ms), node.output);
  current_ = caller;
}

void OperatorChain::process(std::uint32_t input, Batch& batch) { call(*nodes_.front(), input, batch); }

void OperatorChain::on_watermark(std::int64_t ms) { call_watermark(*nodes_.front(), ms); }

void OperatorChain::end_of_input(std::uint32_t input) {
  Node& head = *nodes_.front();
  current_ = &head;
  head.op->end_of_input(input, head.output);
}

void OperatorChain::call_timer(const Timers::Timer& timer) {
  Node& node = *nodes_[timer.node];
  if (timer.node < ending_node_) return;
  current_ = &node;
  if (node.op != nullptr) {
    node.op->on_timer(timer.at_ms, node.output);
  } else {
    node.wake_at_ms = std::min(node.wake_at_ms, timer.at_ms);  // a source is asked instead
  }
}

Result<bool> OperatorChain::poll_source() {
  Node& node = *nodes_.front();
  if (node.is_waiting && !has_come(node)) return false;
  current_ = &node;
  const std::uint64_t rows_before = node.rows_out->value();
  auto progress = node.reader->poll(node.output);
  if (!progress.ok()) return std::move(progress).error();
  node.is_waiting = false;
  is_source_finished_ = progress->kind == Progress::Kind::finished;
  if (progress->kind == Progress::Kind::more || is_source_finished_) return true;
  note(node, *progress);
  return node.rows_out->value() != rows_before;
}

Result<void> OperatorChain::ask_ready() {
  for (auto& node : nodes_) {
    if (node->op == nullptr) continue;
    if (auto asked = ask(*node); !asked.ok()) return asked;
  }
  return {};
}

Result<bool> OperatorChain::ask_blocked() {
  bool has_asked = false;
  for (auto& node : nodes_) {
    if (node->op == nullptr || !node->is_waiting || !has_come(*node)) continue;
    has_asked = true;
    if (auto asked = ask(*node); !asked.ok()) return std::move(asked).error();
  }
  return has_asked;
}

Result<void> OperatorChain::ask(Node& node) {
  current_ = &node;
  auto progress = node.op->ready(node.output);
  if (!progress.ok()) return std::move(progress).error();
  if (progress->kind == Progress::Kind::blocked) {
    note(node, *progress);
  } else if (node.is_waiting) {
    node.is_waiting = false;
    --blocked_;
  }
  return {};
}

void OperatorChain::note(Node& node, const Progress& progress) {
  if (!std::exchange(node.is_waiting, true) && node.op != nullptr) ++blocked_;
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
      if (!is_ending_begun_) {
        is_ending_begun_ = true;
        node.holds_end = true;
        call_watermark(node, kEndMs);
        current_ = &node;
        node.op->end_of_input(ending_node_ == 0 ? last_input : input_of_[ending_node_], node.output);
        if (auto asked = ask(node); !asked.ok()) return std::move(asked).error();
      }
      if (node.is_waiting) return false;
    }
    for (const auto& link : node.links)
      if (!link.is_writer) input_of_[link.index] = link.input;
  }
  return true;
}

std::int64_t OperatorChain::next_wake_ms() const {
  std::int64_t next = timers_.next_ms();
  for (const auto& node : nodes_)
    if (node->is_waiting) next = std::min(next, node->is_fd_ready ? 0 : node->wake_at_ms);
  return next;
}

std::string OperatorChain::place() const { return fmt::format("in operator '{}'", current_->plan->name); }

}  // namespace weir::taskmanager
