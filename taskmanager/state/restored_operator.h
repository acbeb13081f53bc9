// The state with which one operator of one subtask begins, put together from what former subtasks wrote.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmanager/state/keyed_state_file.h"
#include "taskmanager/state/operator_snapshot.h"
#include "weir/snapshot.h"

namespace weir::taskmanager {

/// Which subtask of how many begins. A value.
struct SubtaskPlace {
  std::uint32_t subtask = 0;
  std::uint32_t parallelism = 1;
};

/// Shares out the items and positions of an operator's former subtasks, and reads their keyed state by group. Lives on:
/// one thread at a time. Owned by whoever opens the operator; outlives that.
class RestoredOperator final : public RestoredState {
 public:
  /// What one former subtask wrote.
  struct Piece {
    OperatorState state;
    std::optional<KeyedStateReader> keyed;  ///< none: it had no keyed state
  };
  /// @param pieces  of all former subtasks, in their order
  /// Errors: corrupt (external): two former subtasks have a position for the same split.
  static Result<RestoredOperator> share_out(std::uint64_t checkpoint_id, std::vector<Piece> pieces, SubtaskPlace place);

  std::uint64_t checkpoint_id() const override { return checkpoint_id_; }
  std::vector<std::string_view> items(std::string_view state) const override;
  std::vector<SplitPosition> positions() const override;
  const std::vector<KeyedStateSchema>& keyed_states() const override { return keyed_states_; }
  Result<void> read_group(std::size_t state, std::uint32_t group, const VisitEntries& visit) override;

 private:
  RestoredOperator(std::uint64_t checkpoint_id, std::vector<Piece> pieces, SubtaskPlace place)
      : checkpoint_id_(checkpoint_id), place_(place), pieces_(std::move(pieces)) {}

  std::uint64_t checkpoint_id_ = 0;
  SubtaskPlace place_;
  std::vector<Piece> pieces_;
  std::vector<KeyedStateSchema> keyed_states_;
  std::vector<std::pair<std::size_t, std::size_t>> keyed_places_;  // by keyed state: piece, state in it
};

}  // namespace weir::taskmanager
