// The end of a chain: rows become blocks for other tasks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "taskmanager/exchange/gather.h"
#include "taskmanager/exchange/output_partition.h"
#include "taskmanager/exchange/partitioner.h"

namespace weir::taskmanager {

/// How long rows may wait in a block that is not full.
struct FlushPolicy {
  static constexpr std::int64_t kOnlyWhenFull = -1;
  std::int64_t timeout_us = 1000;  ///< `execution.buffer-timeout`; 0: after every step; kOnlyWhenFull
  std::int64_t idle_spacing_us =
      200;  ///< between flushes of an idle loop to another process, so that tiny frames stay few
};

/// Gathers the rows of one outgoing edge into a block per target and sends blocks on when they are full, when the loop
/// runs out of input, when they have waited long enough, and before watermarks and the end. Lives on: the producing
/// slot's thread. Owned by a task.
class OutputWriter {
 public:
  OutputWriter(const RowLayout& layout, std::unique_ptr<Partitioner> partitioner,
               std::unique_ptr<OutputPartition> partition, BlockPool& pool, FlushPolicy policy);
  ~OutputWriter();
  OutputWriter(const OutputWriter&) = delete;
  OutputWriter& operator=(const OutputWriter&) = delete;

  /// Takes all rows of the batch.
  /// @param may_take  whether the batch's block may be taken as it is instead of being copied
  /// @param now_us    the loop's clock, read once per step
  void emit(Batch& batch, bool may_take, std::int64_t now_us);
  void emit_watermark(std::int64_t ms);
  /// No rows and no watermarks come any more: sends what is left, and the end of data.
  void end_data();
  /// The task ends: nothing follows.
  void end_partition();

  /// Sends every open block.
  void flush();
  /// The loop has nothing else to do: sends what may go now. @return  whether anything went
  bool flush_idle(std::int64_t now_us);
  /// Sends blocks whose time has come. @return  whether anything went
  bool flush_due(std::int64_t now_us);
  /// When flush_due or flush_idle would have something to send, if nothing changes; INT64_MAX: never.
  std::int64_t next_flush_us(bool is_idle) const;

  OutputPartition& partition() { return *partition_; }
  const OutputPartition& partition() const { return *partition_; }
  std::uint64_t rows_out() const { return rows_out_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  std::uint64_t blocks_out() const { return blocks_out_; }

 private:
  /// The batch is a block of its own with enough rows, and may be taken.
  static bool is_whole_block(const Batch& batch, bool may_take);
  void emit_to_one(Batch& batch, std::uint32_t target, bool may_take);
  /// Takes the batch's block. What the target's open block holds goes first.
  void send_whole(Batch& batch, std::uint32_t target);
  void append(const Batch& batch, std::uint32_t from, std::uint32_t to, std::uint32_t target);
  /// Makes room for the row at `position`, which did not fit into the target's open block.
  void roll(const Batch& batch, std::uint32_t position, std::uint32_t target);
  void send(std::uint32_t target);
  std::int64_t due_us(std::uint32_t target, bool is_idle) const;

  // Set once
  const RowGather gather_;
  const std::unique_ptr<Partitioner> partitioner_;
  const std::unique_ptr<OutputPartition> partition_;
  BlockPool& pool_;
  const FlushPolicy policy_;
  // The slot's thread only
  std::vector<OpenBlock> open_;              // by target
  std::vector<std::int64_t> last_flush_us_;  // by target: of a block that was not full
  std::uint32_t open_count_ = 0;             // targets with rows in an open block
  std::uint8_t open_flags_ = 0;              // of all open blocks
  std::int64_t now_us_ = 0;
  std::int64_t next_due_us_ = INT64_MAX;  // no block is due before that
  std::uint64_t rows_out_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t blocks_out_ = 0;
  std::uint16_t target_of_[kBlockRowsMax];
};

}  // namespace weir::taskmanager
