// Collector: where a source or a user function puts records of T.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "weir/batch.h"
#include "weir/block.h"
#include "weir/operator.h"
#include "weir/row_codec.h"
#include "weir/time.h"

namespace weir {

/// A record is longer than the job allows (`OperatorContext::record_bytes_max`). A source counts it as a bad record;
/// elsewhere the task fails.
class RecordTooLarge : public std::runtime_error {
 public:
  RecordTooLarge(std::size_t bytes, std::size_t bytes_max);
};

/// Writes records into a block of the slot's pool and hands the block on when it is full or flush() is called. One
/// block is used again and again unless somebody downstream takes it. Lives on: the slot's thread. A connector makes
/// one per reader, binds it to the Output of each poll, and flushes at the poll's end.
template <class T>
class Collector {
 public:
  using Record = T;

  /// @param output_index  0: the main output; else a side output
  Collector(BlockPool& pool, std::uint32_t record_bytes_max, std::uint32_t output_index = 0)
      : pool_(pool), record_bytes_max_(record_bytes_max), output_index_(output_index) {}
  explicit Collector(OperatorContext& context, std::uint32_t output_index = 0)
      : Collector(context.pool(), context.record_bytes_max(), output_index) {}
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  ~Collector() {
    if (block_ != nullptr) pool_.give(block_);
  }

  /// Where full blocks go until the next bind.
  void bind(Output& output) { output_ = &output; }

  /// Emits a record. In an operator it gets the time and kind of the row that is being processed; from a source it has
  /// no time. Errors: RecordTooLarge.
  void collect(const T& value) {
    const std::size_t bytes = record_bytes(value);
    if (row_at_ == rows_end_) [[unlikely]]
      make_room(bytes);
    if constexpr (!RowCodec<T>::kPlain) {
      if (bytes > room_ || bytes > record_bytes_max_) [[unlikely]]
        make_room(bytes);
      room_ -= static_cast<std::uint32_t>(bytes);
    }
    RowCodec<T>::write_at(value, row_at_, texts_);
    if (flags_ != 0) stamp_row();
    row_at_ += RowCodec<T>::kStride;
  }
  /// Emits a record with its event time. Once a record had a time, all blocks of this collector have times.
  void collect(const T& value, EventTime time) {
    if ((flags_ & kBlockTimestamps) == 0) [[unlikely]] {
      own_flags_ = kBlockTimestamps;
      set_flags(static_cast<std::uint8_t>(flags_ | kBlockTimestamps));
    }
    const std::int64_t inherited = time_ms_;
    time_ms_ = to_ms(time);
    collect(value);
    time_ms_ = inherited;
  }

  /// Hands on what is there.
  void flush() {
    if (row_at_ != rows_first_) emit_block();
  }

  /// Bytes that the record takes; more than record_bytes_max are refused.
  static std::size_t record_bytes(const T& value) { return RowCodec<T>::kStride + RowCodec<T>::text_bytes(value); }
  bool fits(const T& value) const { return record_bytes(value) <= record_bytes_max_; }
  /// Blocks that were handed on so far.
  std::uint64_t blocks() const { return blocks_; }
  /// Records that wait for flush().
  std::uint32_t rows() const {
    return static_cast<std::uint32_t>(static_cast<std::size_t>(row_at_ - rows_first_) / RowCodec<T>::kStride);
  }

  // For operators: what the rows to come inherit.

  /// Rows emitted from here on carry times and kinds as the rows of this batch do.
  void begin(const Batch& batch, Output& output) {
    output_ = &output;
    const auto inherited = static_cast<std::uint8_t>(batch.block().flags & (kBlockTimestamps | kBlockRowKinds));
    set_flags(static_cast<std::uint8_t>(inherited | own_flags_));
    time_ms_ = INT64_MIN;
    kind_ = RowKind::insert;
  }
  /// The row that is being processed; needed only when `inherits()`.
  void inherit(const Block& block, std::uint32_t row) {
    if (block.has_timestamps()) time_ms_ = block.timestamps()[row];
    if (block.has_row_kinds()) kind_ = block.row_kinds()[row];
  }
  bool inherits() const { return flags_ != 0; }
  /// The time that rows to come inherit, outside a batch: a timer's.
  void inherit_time(std::int64_t time_ms) {
    set_flags(static_cast<std::uint8_t>(flags_ | kBlockTimestamps));
    time_ms_ = time_ms;
    kind_ = RowKind::insert;
  }

 private:
  void set_flags(std::uint8_t flags) {
    if (flags == flags_) return;
    flush();
    flags_ = flags;
    if (block_ != nullptr) open_block();
  }

  void stamp_row() {
    if ((flags_ & kBlockTimestamps) != 0) *time_at_++ = time_ms_;
    if ((flags_ & kBlockRowKinds) != 0) *kind_at_++ = kind_;
  }

  void open_block() {
    block_->reset(layout_, flags_);
    rows_first_ = block_->fixed();
    row_at_ = rows_first_;
    time_at_ = block_->timestamps();
    kind_at_ = block_->row_kinds();
    texts_ = {block_->end(), 0};
    room_ = block_->capacity - Block::prefix_bytes(flags_);
    const std::uint32_t rows_max =
        RowCodec<T>::kPlain ? std::min<std::uint32_t>(kBlockRowsMax, room_ / RowCodec<T>::kStride) : kBlockRowsMax;
    rows_end_ = rows_first_ + std::size_t{rows_max} * RowCodec<T>::kStride;
  }

  [[gnu::noinline]] void make_room(std::size_t bytes) {
    if (bytes > record_bytes_max_) throw RecordTooLarge(bytes, record_bytes_max_);
    flush();
    if (block_ != nullptr && bytes > room_) {
      pool_.give(block_);
      block_ = nullptr;
    }
    if (block_ == nullptr) {
      const auto text = static_cast<std::uint32_t>(bytes - RowCodec<T>::kStride);
      block_ = pool_.take(block_capacity_for(RowCodec<T>::kStride, text));
      open_block();
    }
  }

  [[gnu::noinline]] void emit_block() {
    block_->rows = rows();
    block_->fixed_bytes = block_->rows * RowCodec<T>::kStride;
    block_->text_bytes = texts_.used;
    rows_first_ = row_at_ = rows_end_ = nullptr;
    room_ = 0;
    ++blocks_;
    Batch batch(block_);
    if (output_index_ == 0) {
      output_->emit(batch);
    } else {
      output_->emit_side(output_index_, batch);
    }
    if (batch.taken()) {
      block_ = nullptr;
    } else if (block_->capacity > kBlockCapacity) {
      pool_.give(block_);
      block_ = nullptr;
    } else {
      open_block();
    }
  }

  // Set once
  BlockPool& pool_;
  const RowLayout& layout_ = RowCodec<T>::layout();
  const std::uint32_t record_bytes_max_;
  const std::uint32_t output_index_;
  // The open block: header fields are written when it is emitted.
  Output* output_ = nullptr;
  Block* block_ = nullptr;
  std::uint8_t* row_at_ = nullptr;
  detail::TextArea texts_{nullptr, 0};
  std::uint32_t room_ = 0;  ///< bytes left; of records without text those of the empty block
  std::uint8_t* rows_first_ = nullptr;
  std::uint8_t* rows_end_ = nullptr;  ///< no more rows go into the block
  std::int64_t* time_at_ = nullptr;   ///< of the next row, where the block has times
  RowKind* kind_at_ = nullptr;
  std::uint8_t flags_ = 0;
  std::uint8_t own_flags_ = 0;
  RowKind kind_ = RowKind::insert;
  std::int64_t time_ms_ = INT64_MIN;
  std::uint64_t blocks_ = 0;
};

}  // namespace weir
