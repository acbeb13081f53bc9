#include "weir/detail/state/keyed_states.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "weir/detail/state/keyed_snapshot.h"

namespace weir::detail {

namespace {

/// A run of entries is handed on when it has so many bytes.
constexpr std::size_t kRunBytes = 256 * 1024;

std::string described(const KeyedStateSchema& state) {
  std::string text = state.value_type;
  if (!state.namespace_type.empty()) text += " with namespace " + state.namespace_type;
  if (!state.map_key_type.empty()) text += " by " + state.map_key_type;
  if (state.has_expiry) text += " that expires";
  return text;
}

/// Timers have names of their own: a user's state may be called the same.
bool is_timers(StateKind kind) { return kind == StateKind::event_timers || kind == StateKind::processing_timers; }

Result<void> check_saved(const KeyedStateSchema& now, const KeyedStateSchema& saved) {
  if (!same_schema(now.key_type, saved.key_type)) return state_mismatch("key", now.key_type, saved.key_type);
  if (saved.kind != now.kind || saved.version > now.version || !same_schema(now.value_type, saved.value_type) ||
      !same_schema(now.namespace_type, saved.namespace_type) || !same_schema(now.map_key_type, saved.map_key_type) ||
      now.has_expiry != saved.has_expiry)
    return state_mismatch(now.name, described(now), described(saved));
  return {};
}

}  // namespace

std::uint32_t KeyedStates::declare(StateDeclaration state) {
  if (layout_ != nullptr)
    throw std::logic_error("state \"" + state.name + "\" must be asked for in open(), before the first record");
  for (std::uint32_t i = 0; i < states_.size(); ++i) {
    if (states_[i].name != state.name) continue;
    if (states_[i].schema == state.schema) return i;
    throw std::logic_error("state \"" + state.name + "\" is asked for as " + state.schema + " and as " +
                           states_[i].schema);
  }
  if (states_.size() == 32)
    throw std::logic_error("an operator has at most 32 states; put several values into one struct");
  declared_.add(*state.kind);
  states_.push_back(std::move(state));
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void* KeyedStates::make_watched(std::uint32_t index) {
  const bool is_new = std::exchange(inserted_, false) || !layout_->has(entry_, index);
  if (!is_new) watcher_->on_mutation(Mutation::change, entry_, index);
  void* const value = layout_->make(entry_, index);
  if (is_new) watcher_->on_mutation(Mutation::make, entry_, index);
  return value;
}

void throw_unopened_state() {
  throw std::logic_error("a ValueState was used that never came from context.value_state(); ask for it in open()");
}

void throw_not_keyed(std::string_view state) {
  throw std::logic_error("state \"" + std::string(state) +
                         "\" needs a key: call key_by() before the function that uses it");
}

void throw_no_current_key(std::string_view what) {
  throw std::logic_error(
      std::string(what) +
      " was used where there is no current key, as in open() and close(): use it while a record or a "
      "timer is processed");
}

Error state_mismatch(std::string_view state, std::string_view now, std::string_view saved) {
  return Error::user(ErrorCode::failed_precondition, "state \"" + std::string(state) +
                                                         "\" has another type than when it was saved: now " +
                                                         std::string(now) + ", saved " + std::string(saved));
}
Error state_corrupt(std::string_view state) {
  return Error::external(ErrorCode::corrupt,
                         "saved state \"" + std::string(state) + "\" cannot be read: its bytes are damaged");
}

void KeyedStateWork::begin_state(KeyedStateSchema schema) { states_.push_back({std::move(schema), {}}); }

ByteWriter& KeyedStateWork::entry_of(std::uint32_t group) {
  if (open_.size() > 0 && (group != open_group_ || open_.size() >= kRunBytes)) close_run();
  open_group_ = group;
  return open_;
}

void KeyedStateWork::close_run() {
  if (open_.size() > 0) states_.back().runs.push_back({open_group_, std::exchange(open_, {}).take()});
}

Result<void> KeyedStateWork::run(KeyGroupWriter& out) {
  for (State& state : states_) {
    Result<void> begun = out.begin_state(state.schema);
    if (!begun.ok()) return begun;
    for (Run& run : state.runs) {
      Result<void> written = out.write(run.group, run.entries);
      if (!written.ok()) return written;
      run.entries = {};  // memory goes as the work goes on
    }
  }
  return {};
}

Result<void> read_saved_state(RestoredState& restored, const KeyedStateSchema& state, KeyGroupRange groups,
                              const ReadEntry& read) {
  const std::vector<KeyedStateSchema>& saved = restored.keyed_states();
  for (std::size_t index = 0; index < saved.size(); ++index) {
    if (saved[index].name != state.name || is_timers(saved[index].kind) != is_timers(state.kind)) continue;
    Result<void> checked = check_saved(state, saved[index]);
    if (!checked.ok()) return checked;
    for (std::uint32_t group = groups.first; group < groups.last; ++group) {
      Result<void> done = restored.read_group(index, group, [&](std::string_view entries) -> Result<void> {
        ByteReader in(entries);
        while (!in.at_end())
          if (!read(in, group)) return state_corrupt(state.name);
        return {};
      });
      if (!done.ok()) return done;
    }
  }
  return {};
}

}  // namespace weir::detail
