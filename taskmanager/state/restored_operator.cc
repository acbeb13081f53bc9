#include "taskmanager/state/restored_operator.h"

#include <fmt/format.h>

#include <set>

namespace weir::taskmanager {

Result<RestoredOperator> RestoredOperator::share_out(std::uint64_t checkpoint_id, std::vector<Piece> pieces,
                                                     SubtaskPlace place) {
  RestoredOperator made(checkpoint_id, std::move(pieces), place);
  std::set<SplitId> seen;
  for (std::size_t piece = 0; piece < made.pieces_.size(); ++piece) {
    for (const auto& position : made.pieces_[piece].state.positions) {
      if (!seen.insert(position.split).second)
        return Error::external(ErrorCode::corrupt, fmt::format("the snapshot has two positions for split {} of '{}'",
                                                               position.split.index, position.split.name));
    }
    if (!made.pieces_[piece].keyed) continue;
    const auto& states = made.pieces_[piece].keyed->index().states;
    for (std::size_t state = 0; state < states.size(); ++state) {
      made.keyed_states_.push_back(states[state].schema);
      made.keyed_places_.emplace_back(piece, state);
    }
  }
  return made;
}

std::vector<std::string_view> RestoredOperator::items(std::string_view state) const {
  std::vector<std::string_view> all;
  const auto add = [&](const Piece& piece, Redistribution redistribution) {
    for (const auto& items : piece.state.items) {
      if (items.name != state || items.redistribution != redistribution) continue;
      all.insert(all.end(), items.items.begin(), items.items.end());
    }
  };
  for (std::size_t i = 0; i < pieces_.size() && all.empty(); ++i)
    add(pieces_[(place_.subtask + i) % pieces_.size()], Redistribution::broadcast);
  for (const Piece& piece : pieces_) add(piece, Redistribution::union_list);
  std::vector<std::string_view> listed;
  listed.swap(all);
  for (const Piece& piece : pieces_) add(piece, Redistribution::list);
  // Even parts of all items, in order.
  const std::size_t first = all.size() * place_.subtask / place_.parallelism;
  const std::size_t last = all.size() * (place_.subtask + 1) / place_.parallelism;
  listed.insert(listed.end(), all.begin() + static_cast<std::ptrdiff_t>(first),
                all.begin() + static_cast<std::ptrdiff_t>(last));
  return listed;
}

std::vector<SplitPosition> RestoredOperator::positions() const {
  std::vector<SplitPosition> own;
  for (const Piece& piece : pieces_) {
    for (const auto& [split, position] : piece.state.positions) {
      if (owner_of_split(split.name, split.index, place_.parallelism) == place_.subtask)
        own.push_back({split, position});
    }
  }
  return own;
}

Result<void> RestoredOperator::read_group(std::size_t state, std::uint32_t group, const VisitEntries& visit) {
  const auto [piece, index] = keyed_places_.at(state);
  return pieces_[piece].keyed->read_group(index, group, visit);
}

}  // namespace weir::taskmanager
