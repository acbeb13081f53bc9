// Copies chosen rows of one block into others, for record types that the engine does not know.
#pragma once

#include <cstdint>

#include "weir/batch.h"
#include "weir/block.h"

namespace weir::taskmanager {

/// A block that is being filled. Its header is behind (rows, bytes) until `seal`. A value without ownership of the
/// block. Lives on: one thread.
struct OpenBlock {
  Block* block = nullptr;
  std::uint8_t* rows_first = nullptr;
  std::uint8_t* row_at = nullptr;    ///< where the next row goes
  std::uint8_t* rows_end = nullptr;  ///< no row begins here, whether it has text or not
  std::uint8_t* text_at = nullptr;   ///< text grows downwards from here
  std::int64_t* time_at = nullptr;   ///< of the next row, where the block has event times
  RowKind* kind_at = nullptr;        ///< of the next row, where the block has row kinds
  std::int64_t opened_us = 0;        ///< for the owner's flush policy

  bool is_empty() const { return row_at == rows_first; }
  std::uint32_t rows() const {
    return is_empty() ? 0 : static_cast<std::uint32_t>(static_cast<std::size_t>(row_at - rows_first) / block->stride);
  }
  std::uint64_t free_bytes() const { return static_cast<std::uint64_t>(text_at - row_at); }
  /// Begins to fill `new_block`.
  void open(Block* new_block, const RowLayout& layout, std::uint8_t flags);
  /// Writes rows and bytes into the block's header and gives the block up.
  Block* seal();
};

/// Copies rows between blocks of one layout: fixed part, the text that it refers to, event time and row kind.
/// Lives on: any thread, after construction (it only reads itself). Source and target have the same flags; the caller
/// opens targets so.
class RowGather {
 public:
  explicit RowGather(const RowLayout& layout);

  /// Appends rows of one batch to one target, from position `from` of the batch to `to`, while they fit.
  /// @return  the position of the first row that did not fit, or `to`
  std::uint32_t append(const Batch& batch, std::uint32_t from, std::uint32_t to, OpenBlock& target) const;

  /// Appends each row to its own target, in order, until one does not fit.
  /// @param targets    as many as the largest entry of `target_of` says
  /// @param target_of  by position in the batch
  /// @return           the position of the first row that did not fit (target_of[position] is full), or the batch's
  /// count
  std::uint32_t scatter(const Batch& batch, const std::uint16_t* target_of, std::uint32_t from,
                        OpenBlock* targets) const;

  /// Bytes of text that a row refers to.
  std::uint64_t text_bytes(const Block& block, std::uint32_t row) const;
  const RowLayout& layout() const { return layout_; }

 private:
  using Scatter = std::uint32_t (*)(const RowLayout&, const Batch&, const std::uint16_t*, std::uint32_t, OpenBlock*);
  using Append = std::uint32_t (*)(const RowLayout&, const Batch&, std::uint32_t, std::uint32_t, OpenBlock&);

  // Set once
  const RowLayout layout_;
  Scatter scatter_[2];  // [1]: with event times or row kinds
  Append append_[2];
};

}  // namespace weir::taskmanager
