// What one operator of one subtask put into a checkpoint. docs/formats/operator_state.md describes the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"
#include "weir/snapshot.h"

namespace weir::taskmanager {

/// The items and positions of an operator: small, and kept in memory. A value.
struct OperatorState {
  struct Items {
    std::string name;
    Redistribution redistribution = Redistribution::list;
    std::vector<std::string> items;
    friend bool operator==(const Items&, const Items&) = default;
  };
  struct Position {
    SplitId split;
    std::string position;
    friend bool operator==(const Position&, const Position&) = default;
  };
  std::vector<Items> items;
  std::vector<Position> positions;
  friend bool operator==(const OperatorState&, const OperatorState&) = default;
};

std::string encode_operator_state(const OperatorState& state);
/// Errors: corrupt (external).
Result<OperatorState> decode_operator_state(std::string_view bytes);

/// One operator's part of a checkpoint, with what is still to be written. A value; moved to the snapshot pool.
struct OperatorSnapshot {
  OperatorState state;
  std::vector<std::unique_ptr<SnapshotWork>> works;  ///< run in order, each once
};

/// Collects it during snapshot(). Lives on: the slot's thread.
class OperatorSnapshotBuilder final : public SnapshotContext {
 public:
  explicit OperatorSnapshotBuilder(std::uint64_t checkpoint_id) : checkpoint_id_(checkpoint_id) {}

  std::uint64_t checkpoint_id() const override { return checkpoint_id_; }
  /// Errors: std::logic_error when the state was given another redistribution before.
  void add_item(std::string_view state, Redistribution redistribution, std::string_view item) override;
  /// Errors: std::logic_error when the split has a position already.
  void add_position(const SplitId& split, std::string_view position) override;
  void write_later(std::unique_ptr<SnapshotWork> work) override { snapshot_.works.push_back(std::move(work)); }
  OperatorSnapshot take() { return std::move(snapshot_); }

 private:
  const std::uint64_t checkpoint_id_;
  OperatorSnapshot snapshot_;
  std::set<SplitId> seen_;
};

}  // namespace weir::taskmanager
