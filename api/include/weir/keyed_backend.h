// KeyedBackend: where keyed state lives when it does not live in the worker's memory alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/key_group.h"
#include "weir/result.h"
#include "weir/snapshot.h"

namespace weir {

/// A key as bytes (docs/formats/value.md), with the key group that its hash gives.
struct EncodedKey {
  std::uint32_t group = 0;
  std::string_view key;
};

/// What became of one state of one key.
struct EncodedChange {
  EncodedKey key;
  std::uint32_t state = 0;                ///< index into the states of open()
  std::optional<std::string_view> value;  ///< none: the key has no such state any more
};

/// Keeps the keyed state of one operator of one subtask, as bytes. The operator's state table lies in front of it: it
/// loads the keys of a batch before the batch is processed, and stores what has changed behind it. An operator without
/// backend keeps everything in its table. Lives on: the slot's thread. Owned by the operator.
class KeyedBackend {
 public:
  virtual ~KeyedBackend() = default;
  /// Fixes the states and the key groups that this subtask owns, and takes up what was saved of them. Once, first.
  /// @param restored  null when the job starts without state
  /// Errors: failed_precondition (user): a state was saved with other types; corrupt; what storage gives.
  virtual Result<void> open(const std::vector<KeyedStateSchema>& states, KeyGroupRange groups,
                            RestoredState* restored) = 0;
  /// How many keys the table in front may hold from one batch to the next.
  virtual std::size_t cached_keys_max() const = 0;
  /// Calls found(index of the key, state, value) for each state that one of the keys has.
  using Found = std::function<Result<void>(std::size_t key, std::uint32_t state, std::string_view value)>;
  virtual Result<void> load(const std::vector<EncodedKey>& keys, const Found& found) = 0;
  /// Stores values, and removes those that are none.
  virtual Result<void> store(const std::vector<EncodedChange>& changes) = 0;
  /// Calls visit(key, value) for every key of a group that has the state. Nothing may be stored meanwhile.
  using Visit = std::function<Result<void>(std::string_view key, std::string_view value)>;
  virtual Result<void> for_each(std::uint32_t state, std::uint32_t group, const Visit& visit) = 0;
  /// Notes the state of now, behind the last store().
  virtual Result<void> snapshot(SnapshotContext& context) = 0;
};

}  // namespace weir
