// Which consumer a row goes to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "weir/operator.h"
#include "weir/stream_graph.h"

namespace weir::taskmanager {

/// How the rows of a batch spread over the targets.
enum class Spread : std::uint8_t {
  one,       ///< all to one target: forward, global
  runs,      ///< neighbouring rows together, targets in turn, whole blocks if they are large: rebalance, rescale
  each_row,  ///< each its own: hash, shuffle, custom
  all,       ///< every row to every target: broadcast
};

/// Decides the targets of a batch at once.
/// Lives on: the producing slot's thread. Owned by an output writer.
class Partitioner {
 public:
  struct Settings {
    PartitionerKind kind = PartitionerKind::forward;
    std::uint32_t targets = 1;          ///< consumers that this task sends to, in subtask order
    std::uint32_t max_parallelism = 1;  ///< hash: key groups of the consuming vertex
    std::uint32_t subtask = 0;          ///< of the producer: where turns and random numbers begin
  };
  /// @param hasher  for hash; otherwise none
  /// @param router  for custom; otherwise none
  Partitioner(const Settings& settings, std::unique_ptr<KeyHasher> hasher, std::unique_ptr<RowRouter> router);

  Spread spread() const { return spread_; }

  /// Spread::one: the target.
  std::uint32_t target() const { return 0; }
  /// Spread::runs: the target for all rows of a large block. Over all batches together the shares of two targets differ
  /// by less than a block.
  /// @return  nothing while an uneven block would show: the rows are to be dealt
  std::optional<std::uint32_t> deal_block(std::uint32_t rows);
  /// Spread::runs: calls visit(from, to, target) for runs that cover positions 0..count-1 in order. Over all batches
  /// that are dealt this way every target gets as many rows as any other, or one more.
  template <class Visit>
  void deal(std::uint32_t count, Visit&& visit) {
    dealt_ += count;
    const std::uint32_t each = count / settings_.targets;
    const std::uint32_t more = count % settings_.targets;  // targets that get one more: the next ones in turn
    std::uint32_t from = 0;
    for (std::uint32_t run = 0; from < count; ++run) {
      const std::uint32_t to = from + each + (run < more ? 1 : 0);
      visit(from, to, (turn_ + run) % settings_.targets);
      from = to;
    }
    turn_ = (turn_ + more) % settings_.targets;
  }
  /// Spread::each_row: writes batch.count() targets, by position in the batch. Custom: throws what the user's function
  /// throws.
  void route(const Batch& batch, std::uint16_t* target_of);

 private:
  // Set once
  const Settings settings_;
  const Spread spread_;
  const std::unique_ptr<KeyHasher> hasher_;
  const std::unique_ptr<RowRouter> router_;
  std::vector<std::uint16_t> target_of_group_;
  // The slot's thread only
  std::uint32_t turn_;
  std::uint64_t dealt_ = 0;                // rows, one by one
  std::vector<std::uint64_t> block_rows_;  // by target: rows that went in whole blocks
  std::uint64_t random_;
  alignas(64) std::uint64_t hashes_[kBlockRowsMax];
};

}  // namespace weir::taskmanager
