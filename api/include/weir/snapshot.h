// Snapshots: what operators and sources put into a checkpoint, and what they find of it when they are opened again.
// docs/formats/operator_state.md and docs/formats/keyed_state.md describe the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/key_group.h"
#include "weir/result.h"

namespace weir {

/// Names one split for the whole life of a job: a Kafka partition is ("orders", 3), a range of a file (its identity,
/// its number).
struct SplitId {
  std::string name;         ///< of what is split
  std::uint64_t index = 0;  ///< which part of it
  friend auto operator<=>(const SplitId&, const SplitId&) = default;
};

/// The subtask that reads a split. Splits of one name are spread evenly; no list of splits and no former parallelism
/// is needed. Part of the stored format: never changes.
inline std::uint32_t owner_of_split(std::string_view name, std::uint64_t index, std::uint32_t parallelism) {
  return static_cast<std::uint32_t>((hash_bytes(name) + index) % parallelism);
}

/// How the items of an operator state are shared out when a snapshot is restored.
enum class Redistribution : std::uint8_t {
  list = 1,        ///< each item goes to one subtask: all items, in order, are cut into even parts
  union_list = 2,  ///< every subtask gets all items of all former subtasks
  broadcast = 3,   ///< all former subtasks hold the same items: every subtask gets those of one of them
};

/// What kind of keyed state it is; part of the stored format.
enum class StateKind : std::uint8_t { value = 1, event_timers = 16, processing_timers = 17 };

/// What a keyed state is called and made of. Types are schema texts (weir/type_info.h): fields by name with their
/// types. The names of record types stand in them for people: types are equal when all but those names is equal.
struct KeyedStateSchema {
  std::string name;
  StateKind kind = StateKind::value;
  std::uint32_t version = 1;   ///< of the encoding of this kind
  std::string key_type;        ///< of an entry's key
  std::string namespace_type;  ///< empty: entries have no namespace
  std::string map_key_type;    ///< empty: entries have no map key
  bool has_expiry = false;     ///< entries have the time at which they expire
  std::string value_type;      ///< of an entry's value
  friend bool operator==(const KeyedStateSchema&, const KeyedStateSchema&) = default;
};

/// Takes keyed state, state after state and group after group. Lives on: the thread of the SnapshotWork that writes.
class KeyGroupWriter {
 public:
  virtual ~KeyGroupWriter() = default;
  /// Begins a state: what is written from here on is its own.
  virtual Result<void> begin_state(const KeyedStateSchema& state) = 0;
  /// Appends a run of whole entries to a group. May be called several times for a group; groups ascend.
  virtual Result<void> write(std::uint32_t group, std::string_view entries) = 0;
};

/// The part of a snapshot that is written while records go on. Made on the slot's thread, run once on a thread of the
/// snapshot pool, destroyed on either. It may use nothing that the operator changes later. The engine joins it before
/// it unloads the job's library.
class SnapshotWork {
 public:
  virtual ~SnapshotWork() = default;
  /// Errors: those of the writer, handed on; an error of its own makes the checkpoint fail.
  virtual Result<void> run(KeyGroupWriter& out) = 0;
};

/// Takes one operator's part of a checkpoint. Lives on: the slot's thread, during one call of snapshot().
class SnapshotContext {
 public:
  virtual ~SnapshotContext() = default;
  virtual std::uint64_t checkpoint_id() const = 0;
  /// Appends an item to an operator state. A name has one way of redistribution.
  virtual void add_item(std::string_view state, Redistribution redistribution, std::string_view item) = 0;
  /// Notes how far a split has been read; once per split. The subtask that owns the split gets it back.
  virtual void add_position(const SplitId& split, std::string_view position) = 0;
  /// Hands over what is written off the slot's thread: keyed state.
  virtual void write_later(std::unique_ptr<SnapshotWork> work) = 0;
};

/// How far a split had been read.
struct SplitPosition {
  SplitId split;
  std::string_view position;  ///< as add_position was given it
};

/// What a snapshot holds for one operator of one subtask, whatever the parallelism was when it was taken. Lives on:
/// the slot's thread, during open(); views into it are valid until open() returns.
class RestoredState {
 public:
  virtual ~RestoredState() = default;
  virtual std::uint64_t checkpoint_id() const = 0;
  /// The items of an operator state that fall to this subtask, in order; none when there is no such state.
  virtual std::vector<std::string_view> items(std::string_view state) const = 0;
  /// The positions of the splits that this subtask owns.
  virtual std::vector<SplitPosition> positions() const = 0;

  /// The keyed states that were saved. A state may stand here several times, with the groups of several former
  /// subtasks.
  virtual const std::vector<KeyedStateSchema>& keyed_states() const = 0;
  using VisitEntries = std::function<Result<void>(std::string_view entries)>;
  /// Reads one key group of a saved state, run after run of whole entries. Nothing else is read.
  /// @param state  index into keyed_states()
  /// Errors: corrupt, also behind entries that were visited already; what `visit` returned.
  virtual Result<void> read_group(std::size_t state, std::uint32_t group, const VisitEntries& visit) = 0;
};

}  // namespace weir
