// Batch: the rows that one call hands to an operator: a block and, if not all rows are meant, a selection.
#pragma once

#include <cstdint>
#include <utility>

#include "weir/block.h"

namespace weir {

/// Lives on: the slot's thread; valid during the call that got it, unless the block is taken.
/// The block belongs to the emitter and is used again after the call.
class Batch {
 public:
  /// All rows of `block`.
  explicit Batch(Block* block) : block_(block), count_(block->rows) {}
  /// Only the rows whose indices stand in `selection`, ascending.
  Batch(Block* block, const std::uint16_t* selection, std::uint32_t count)
      : block_(block), selection_(selection), count_(count) {}

  const Block& block() const { return *block_; }
  /// Rows in the batch.
  std::uint32_t count() const { return count_; }
  /// Null when every row of the block is meant.
  const std::uint16_t* selection() const { return selection_; }
  std::uint32_t row_at(std::uint32_t position) const { return selection_ == nullptr ? position : selection_[position]; }

  /// Calls visit(row index) for each row, in order. Inlined: write the loop's body as a lambda.
  template <class Visit>
  [[gnu::always_inline]] void for_each_row(Visit&& visit) const {
    if (selection_ == nullptr) {
      for (std::uint32_t row = 0; row < count_; ++row) visit(row);
    } else {
      for (std::uint32_t position = 0; position < count_; ++position)
        visit(static_cast<std::uint32_t>(selection_[position]));
    }
  }

  /// Event time of a row; kBeginningOfTime's milliseconds where the block has no times.
  std::int64_t timestamp_ms(std::uint32_t row) const {
    return block_->has_timestamps() ? block_->timestamps()[row] : INT64_MIN;
  }

  /// Takes the block away from the emitter, who sees that (`taken()`) and goes on with another one. The taker gives it
  /// back to `block->home`. Rows outside the selection stay in it.
  Block* take() {
    taken_ = true;
    return block_;
  }
  bool taken() const { return taken_; }

 private:
  Block* block_;
  const std::uint16_t* selection_ = nullptr;
  std::uint32_t count_;
  bool taken_ = false;
};

}  // namespace weir
