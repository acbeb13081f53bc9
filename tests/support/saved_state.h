// The state of one operator or source as bytes, and back: what a checkpoint does, for tests of one operator.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "taskmanager/state/operator_snapshot.h"
#include "taskmanager/state/restored_operator.h"
#include "weir/operator.h"

namespace weir::test {

/// The items and positions of an operator or source.
/// Errors: std::runtime_error, what snapshot() returned.
template <class Stateful>
std::string save(Stateful& stateful, std::uint64_t checkpoint_id = 1) {
  taskmanager::OperatorSnapshotBuilder builder(checkpoint_id);
  const Result<void> saved = stateful.snapshot(builder);
  if (!saved.ok()) throw std::runtime_error(saved.error().message);
  return taskmanager::encode_operator_state(builder.take().state);
}

/// What one subtask finds of what all former subtasks have saved.
/// Errors: std::runtime_error for bytes that are damaged.
inline taskmanager::RestoredOperator restored_from(const std::vector<std::string>& pieces, std::uint32_t subtask = 0,
                                                   std::uint32_t parallelism = 1) {
  std::vector<taskmanager::RestoredOperator::Piece> decoded;
  for (const std::string& piece : pieces) {
    auto state = taskmanager::decode_operator_state(piece);
    if (!state.ok()) throw std::runtime_error(state.error().message);
    decoded.push_back({std::move(state).value(), std::nullopt});
  }
  auto restored = taskmanager::RestoredOperator::share_out(1, std::move(decoded), {subtask, parallelism});
  if (!restored.ok()) throw std::runtime_error(restored.error().message);
  return std::move(restored).value();
}

}  // namespace weir::test
