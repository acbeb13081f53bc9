// Keyed state on its way into a snapshot and out of it. docs/formats/keyed_state.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bytes.h"
#include "weir/key_group.h"
#include "weir/result.h"
#include "weir/snapshot.h"

namespace weir::detail {

/// "state 'count' holds int64 now and held int32 when it was saved; ..."
Error state_mismatch(std::string_view state, std::string_view now, std::string_view saved);
Error state_corrupt(std::string_view state);

/// Entries that were encoded on the slot's thread, written from another one.
class KeyedStateWork final : public SnapshotWork {
 public:
  /// Begins a state; the entries that follow are its own.
  void begin_state(KeyedStateSchema schema);
  /// Where the next entry of that group is to be appended. Groups ascend within a state.
  ByteWriter& entry_of(std::uint32_t group);
  /// No more entries of this state.
  void end_state() { close_run(); }
  Result<void> run(KeyGroupWriter& out) override;

 private:
  struct Run {
    std::uint32_t group = 0;
    std::string entries;
  };
  struct State {
    KeyedStateSchema schema;
    std::vector<Run> runs;
  };
  void close_run();

  std::vector<State> states_;
  ByteWriter open_;
  std::uint32_t open_group_ = 0;
};

/// Reads one entry. @return  false when the bytes are no entry of that group
using ReadEntry = std::function<bool(ByteReader& in, std::uint32_t group)>;

/// Reads what was saved of a state in some key groups, and nothing else; nothing when it was not saved.
/// Errors: failed_precondition (user): it was saved with other types or as another kind; corrupt.
Result<void> read_saved_state(RestoredState& restored, const KeyedStateSchema& state, KeyGroupRange groups,
                              const ReadEntry& read);

}  // namespace weir::detail
