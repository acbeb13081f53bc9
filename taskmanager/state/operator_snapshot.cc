#include "taskmanager/state/operator_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "weir/bytes.h"

namespace weir::taskmanager {

namespace {

constexpr std::uint64_t kVersion = 1;

bool is_known(std::uint8_t redistribution) {
  return redistribution >= static_cast<std::uint8_t>(Redistribution::list) &&
         redistribution <= static_cast<std::uint8_t>(Redistribution::broadcast);
}

bool decode_items(ByteReader& in, OperatorState::Items& state) {
  std::string_view name;
  std::uint8_t redistribution = 0;
  std::uint64_t count = 0;
  if (!in.get_text(name) || !in.get(redistribution) || !is_known(redistribution) || !in.get_varint(count)) return false;
  state.name = name;
  state.redistribution = static_cast<Redistribution>(redistribution);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string_view item;
    if (!in.get_text(item)) return false;
    state.items.emplace_back(item);
  }
  return true;
}

bool decode_position(ByteReader& in, OperatorState::Position& position) {
  std::string_view name;
  std::string_view bytes;
  if (!in.get_text(name) || !in.get_varint(position.split.index) || !in.get_text(bytes)) return false;
  position.split.name = name;
  position.position = bytes;
  return true;
}

}  // namespace

std::string encode_operator_state(const OperatorState& state) {
  ByteWriter out;
  out.put_varint(kVersion);
  out.put_varint(state.items.size());
  for (const auto& [name, redistribution, items] : state.items) {
    out.put_text(name);
    out.put(redistribution);
    out.put_varint(items.size());
    for (const std::string& item : items) out.put_text(item);
  }
  out.put_varint(state.positions.size());
  for (const auto& [split, position] : state.positions) {
    out.put_text(split.name);
    out.put_varint(split.index);
    out.put_text(position);
  }
  return out.take();
}

Result<OperatorState> decode_operator_state(std::string_view bytes) {
  ByteReader in(bytes);
  OperatorState state;
  std::uint64_t version = 0;
  if (in.get_varint(version) && version != kVersion)
    return Error::external(ErrorCode::corrupt,
                           fmt::format("operator state of version {}, known is {}", version, kVersion));
  std::uint64_t count = 0;
  bool is_good = in.get_varint(count);
  for (std::uint64_t i = 0; is_good && i < count; ++i) is_good = decode_items(in, state.items.emplace_back());
  is_good = is_good && in.get_varint(count);
  for (std::uint64_t i = 0; is_good && i < count; ++i) is_good = decode_position(in, state.positions.emplace_back());
  if (!is_good || !in.at_end())
    return Error::external(ErrorCode::corrupt, "the operator's state is damaged or cut off");
  return state;
}

void OperatorSnapshotBuilder::add_item(std::string_view state, Redistribution redistribution, std::string_view item) {
  auto& states = snapshot_.state.items;
  auto found = std::find_if(states.begin(), states.end(), [&](const auto& other) { return other.name == state; });
  if (found == states.end()) {
    states.push_back({std::string(state), redistribution, {}});
    found = std::prev(states.end());
  }
  if (found->redistribution != redistribution)
    throw std::logic_error(fmt::format("the operator state '{}' has two ways of redistribution", state));
  found->items.emplace_back(item);
}

void OperatorSnapshotBuilder::add_position(const SplitId& split, std::string_view position) {
  auto& positions = snapshot_.state.positions;
  if (!seen_.insert(split).second)
    throw std::logic_error(fmt::format("the split {} of '{}' has two positions", split.index, split.name));
  positions.push_back({split, std::string(position)});
}

}  // namespace weir::taskmanager
