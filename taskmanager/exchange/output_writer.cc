#include "taskmanager/exchange/output_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/vector_registers.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// A block with fewer rows than this is copied into an open one rather than sent as it is: small blocks cost every task
/// behind.
constexpr std::uint32_t kRowsWorthABlock = kBlockRowsMax / 4;

}  // namespace

OutputWriter::OutputWriter(const RowLayout& layout, std::unique_ptr<Partitioner> partitioner,
                           std::unique_ptr<OutputPartition> partition, BlockPool& pool, FlushPolicy policy)
    : gather_(layout),
      partitioner_(std::move(partitioner)),
      partition_(std::move(partition)),
      pool_(pool),
      policy_(policy),
      open_(partition_->size()),
      last_flush_us_(partition_->size(), std::numeric_limits<std::int64_t>::min() / 2) {}

OutputWriter::~OutputWriter() {
  for (OpenBlock& open : open_)
    if (open.block != nullptr) pool_.give(open.block);
}

void OutputWriter::emit(Batch& batch, bool may_take, std::int64_t now_us) {
  if (batch.count() == 0) return;
  now_us_ = now_us;
  rows_out_ += batch.count();
  if (batch.block().flags != open_flags_) {  // open blocks lack a part that these rows have, or have one that they lack
    flush();
    open_flags_ = batch.block().flags;
  }
  switch (partitioner_->spread()) {
    case Spread::one: emit_to_one(batch, partitioner_->target(), may_take); return;
    case Spread::runs:
      if (is_whole_block(batch, may_take)) {
        if (const auto target = partitioner_->deal_block(batch.count())) {
          send_whole(batch, *target);
          return;
        }
      }
      partitioner_->deal(batch.count(), [&](std::uint32_t from, std::uint32_t to, std::uint32_t target) {
        append(batch, from, to, target);
      });
      return;
    case Spread::each_row: {
      partitioner_->route(batch, target_of_);
      clear_upper_halves();  // the key's or the partitioner's function ran up to here
      std::uint32_t position = 0;
      while ((position = gather_.scatter(batch, target_of_, position, open_.data())) < batch.count())
        roll(batch, position, target_of_[position]);
      return;
    }
    case Spread::all:
      rows_out_ += std::uint64_t{batch.count()} * (partition_->size() - 1);
      for (std::uint32_t target = 0; target < partition_->size(); ++target) append(batch, 0, batch.count(), target);
      return;
  }
}

bool OutputWriter::is_whole_block(const Batch& batch, bool may_take) {
  return may_take && batch.selection() == nullptr && batch.count() >= kRowsWorthABlock &&
         batch.count() == batch.block().rows;
}

void OutputWriter::emit_to_one(Batch& batch, std::uint32_t target, bool may_take) {
  if (is_whole_block(batch, may_take)) {
    send_whole(batch, target);
  } else {
    append(batch, 0, batch.count(), target);
  }
}

void OutputWriter::send_whole(Batch& batch, std::uint32_t target) {
  if (!open_[target].is_empty()) send(target);
  Block* const block = batch.take();
  ++blocks_out_;
  bytes_out_ += std::uint64_t{block->fixed_bytes} + block->text_bytes;
  partition_->push(target, Element::rows(block));
}

void OutputWriter::append(const Batch& batch, std::uint32_t from, std::uint32_t to, std::uint32_t target) {
  while ((from = gather_.append(batch, from, to, open_[target])) < to) roll(batch, from, target);
}

void OutputWriter::roll(const Batch& batch, std::uint32_t position, std::uint32_t target) {
  OpenBlock& open = open_[target];
  const std::uint64_t text = gather_.text_bytes(batch.block(), batch.row_at(position));
  const std::uint32_t capacity = block_capacity_for(gather_.layout().stride, static_cast<std::uint32_t>(text));
  if (open.block != nullptr) send(target);  // never empty: the row for which it was opened went in
  open.open(pool_.take(capacity), gather_.layout(), open_flags_);
  open.opened_us = now_us_;
  ++open_count_;
  next_due_us_ = std::min(next_due_us_, due_us(target, false));
}

void OutputWriter::send(std::uint32_t target) {
  Block* const block = open_[target].seal();
  --open_count_;
  ++blocks_out_;
  bytes_out_ += std::uint64_t{block->fixed_bytes} + block->text_bytes;
  partition_->push(target, Element::rows(block));
}

void OutputWriter::emit_watermark(std::int64_t ms) {
  flush();
  for (std::uint32_t target = 0; target < partition_->size(); ++target)
    partition_->push(target, Element::watermark(ms));
}

void OutputWriter::end_data() {
  flush();
  for (std::uint32_t target = 0; target < partition_->size(); ++target)
    partition_->push(target, Element::end_of_data());
}

void OutputWriter::end_partition() {
  flush();
  for (std::uint32_t target = 0; target < partition_->size(); ++target)
    partition_->push(target, Element::end_of_partition());
}

void OutputWriter::flush() {
  for (std::uint32_t target = 0; open_count_ > 0 && target < open_.size(); ++target)
    if (!open_[target].is_empty()) send(target);
  next_due_us_ = kNever;
}

std::int64_t OutputWriter::due_us(std::uint32_t target, bool is_idle) const {
  const std::int64_t timeout =
      policy_.timeout_us == FlushPolicy::kOnlyWhenFull ? kNever : open_[target].opened_us + policy_.timeout_us;
  if (!is_idle) return timeout;
  if (!partition_->is_remote(target)) return 0;
  if (policy_.timeout_us == FlushPolicy::kOnlyWhenFull) return kNever;
  return std::min(timeout, last_flush_us_[target] + policy_.idle_spacing_us);
}

bool OutputWriter::flush_due(std::int64_t now_us) {
  if (now_us < next_due_us_) return false;
  bool has_sent = false;
  next_due_us_ = kNever;
  for (std::uint32_t target = 0; target < open_.size(); ++target) {
    if (open_[target].is_empty()) continue;
    const std::int64_t due = due_us(target, false);
    if (due <= now_us) {
      send(target);
      last_flush_us_[target] = now_us;
      has_sent = true;
    } else {
      next_due_us_ = std::min(next_due_us_, due);
    }
  }
  return has_sent;
}

bool OutputWriter::flush_idle(std::int64_t now_us) {
  if (open_count_ == 0) return false;
  bool has_sent = false;
  for (std::uint32_t target = 0; target < open_.size(); ++target) {
    if (open_[target].is_empty() || due_us(target, true) > now_us) continue;
    send(target);
    last_flush_us_[target] = now_us;
    has_sent = true;
  }
  return has_sent;
}

std::int64_t OutputWriter::next_flush_us(bool is_idle) const {
  if (open_count_ == 0) return kNever;
  if (!is_idle) return next_due_us_;
  std::int64_t next = kNever;
  for (std::uint32_t target = 0; target < open_.size(); ++target)
    if (!open_[target].is_empty()) next = std::min(next, due_us(target, true));
  return next;
}

}  // namespace weir::taskmanager
