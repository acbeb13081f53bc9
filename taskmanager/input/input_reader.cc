#include "taskmanager/input/input_reader.h"

#include <algorithm>
#include <utility>

namespace weir::taskmanager {

namespace {

/// Blocks with at most this many rows are put together with those that wait behind them: the operators' cost per batch
/// would be felt, and copying so little is not.
constexpr std::uint32_t kSmallBlockRows = 128;
constexpr std::uint32_t kMergedRowsEnough = 512;

std::uint32_t channels_of(const std::vector<InputReader::Edge>& edges) {
  std::uint32_t channels = 0;
  for (const auto& edge : edges) channels += edge.gate->size();
  return channels;
}

}  // namespace

InputReader::InputReader(std::vector<Edge> edges, BlockPool& pool)
    : pool_(pool), watermarks_(channels_of(edges)), data_channels_(channels_of(edges)), open_channels_(data_channels_) {
  std::uint32_t first_channel = 0;
  for (auto& edge : edges) {
    const std::uint32_t channels = edge.gate->size();
    if (data_by_input_.size() <= edge.input) data_by_input_.resize(edge.input + 1);
    data_by_input_[edge.input] += channels;
    gates_.push_back(Gate{edge.input, std::move(edge.gate), RowGather(edge.layout), first_channel});
    first_channel += channels;
  }
}

InputReader::~InputReader() {
  if (has_pending_) drop(pending_);
}

bool InputReader::next(InputEvent& event) {
  if (!queued_.empty()) {
    event = queued_.front();
    queued_.pop_front();
    return true;
  }
  if (has_pending_) {
    has_pending_ = false;
    if (react(pending_edge_, pending_channel_, pending_, event)) return true;
  }
  for (std::size_t tried = 0; tried < gates_.size(); ++tried) {
    const std::uint32_t edge = next_gate_;
    next_gate_ = next_gate_ + 1 == gates_.size() ? 0 : next_gate_ + 1;
    if (read(edge, event)) return true;
  }
  return false;
}

bool InputReader::read(std::uint32_t edge, InputEvent& event) {
  Element element;
  std::uint32_t channel = 0;
  while (gates_[edge].gate->next(element, channel))
    if (react(edge, channel, element, event)) return true;
  return false;
}

bool InputReader::react(std::uint32_t edge, std::uint32_t channel, const Element& element, InputEvent& event) {
  Gate& gate = gates_[edge];
  switch (element.kind) {
    case ElementKind::block: {
      Block* block = element.block;
      if (block->rows <= kSmallBlockRows) {
        pending_edge_ = edge;
        block = merge(gate, block);
      }
      ++blocks_in_;
      rows_in_ += block->rows;
      bytes_in_ += std::uint64_t{block->fixed_bytes} + block->text_bytes;
      event = {.kind = InputEvent::Kind::block, .input = gate.input, .block = block};
      return true;
    }
    case ElementKind::watermark: {
      const auto merged = watermarks_.advance(gate.first_channel + channel, element.value);
      if (!merged) return false;
      event = {.kind = InputEvent::Kind::watermark, .watermark_ms = *merged};
      return true;
    }
    case ElementKind::end_of_partition: --open_channels_; return false;
    case ElementKind::end_of_data: {
      end_data(edge, channel);
      if (queued_.empty()) return false;
      event = queued_.front();
      queued_.pop_front();
      return true;
    }
  }
  return false;
}

Block* InputReader::merge(Gate& gate, Block* first) {
  // Only a block of the usual size that has room is added to, and what ends the merging waits its turn.
  const std::uint8_t flags = first->flags;
  OpenBlock open;
  while (!has_pending_ && gate.gate->next(pending_, pending_channel_)) {
    has_pending_ = true;
    if (pending_.kind != ElementKind::block || pending_.block->rows > kSmallBlockRows || pending_.block->flags != flags)
      break;
    if (open.block == nullptr) {
      open.open(pool_.take(kBlockCapacity), gate.gather.layout(), flags);
      const Batch batch(first);
      if (gate.gather.append(batch, 0, batch.count(), open) < batch.count()) {  // large rows: not worth it
        pool_.give(open.block);
        return first;
      }
      first->home->give(first);
    }
    const Batch batch(pending_.block);
    if (open.rows() + batch.count() > kBlockRowsMax) break;
    const OpenBlock before = open;
    if (gate.gather.append(batch, 0, batch.count(), open) < batch.count()) {
      open = before;
      break;
    }
    drop(pending_);
    has_pending_ = false;
    if (open.rows() >= kMergedRowsEnough) break;
  }
  return open.block != nullptr ? open.seal() : first;
}

void InputReader::end_data(std::uint32_t edge, std::uint32_t channel) {
  Gate& gate = gates_[edge];
  --data_channels_;
  if (--data_by_input_[gate.input] == 0)
    queued_.push_back({.kind = InputEvent::Kind::end_of_data, .input = gate.input});
  // The end of everything is told by the ends alone: the last watermark follows from it.
  const auto merged = watermarks_.end(gate.first_channel + channel);
  if (merged && data_channels_ > 0) queued_.push_back({.kind = InputEvent::Kind::watermark, .watermark_ms = *merged});
}

bool InputReader::is_connected() {
  return std::all_of(gates_.begin(), gates_.end(), [](Gate& gate) { return gate.gate->is_connected(); });
}

const Error* InputReader::failure() const {
  for (const auto& gate : gates_)
    if (gate.gate->failure()) return &*gate.gate->failure();
  return nullptr;
}

}  // namespace weir::taskmanager
