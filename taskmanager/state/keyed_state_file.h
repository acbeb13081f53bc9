// The keyed state of one operator of one subtask as bytes: states, their key groups, and an index of both.
// docs/formats/keyed_state.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"
#include "weir/snapshot.h"

namespace weir::taskmanager {

/// Where one key group of one state lies. A value.
struct KeyGroupPlace {
  std::uint32_t group = 0;
  std::uint64_t offset = 0;    ///< bytes from the beginning
  std::uint64_t length = 0;    ///< bytes
  std::uint64_t checksum = 0;  ///< of those bytes
};

struct KeyedStateIndex {
  struct State {
    KeyedStateSchema schema;
    std::vector<KeyGroupPlace> groups;  ///< ascending; only those with entries
  };
  std::vector<State> states;
};

/// Writes such bytes from front to back. Lives on: one thread at a time.
class KeyedStateWriter final : public KeyGroupWriter {
 public:
  using Sink = std::function<Result<void>(std::string_view bytes)>;
  explicit KeyedStateWriter(Sink sink) : sink_(std::move(sink)) {}

  Result<void> begin_state(const KeyedStateSchema& state) override;
  /// Errors: those of the sink; internal: no state was begun, or the groups do not ascend.
  Result<void> write(std::uint32_t group, std::string_view entries) override;
  /// Writes the index; nothing may follow.
  Result<void> finish();

 private:
  Result<void> put(std::string_view bytes);

  const Sink sink_;
  KeyedStateIndex index_;
  std::uint64_t offset_ = 0;
};

/// Bytes that can be read from any place, such as those of a file. Lives on: one thread at a time.
class StateBytes {
 public:
  virtual ~StateBytes() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `to` with what lies at `offset`; the caller asks for nothing beyond the size.
  virtual Result<void> read(std::uint64_t offset, std::span<char> to) = 0;
};

/// The same in memory.
class StateBytesInMemory final : public StateBytes {
 public:
  explicit StateBytesInMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read(std::uint64_t offset, std::span<char> to) override;

 private:
  const std::string bytes_;
};

/// Reads the index, and then only the groups that are asked for. Lives on: one thread at a time.
class KeyedStateReader {
 public:
  /// Errors: corrupt (external), or what reading gives.
  static Result<KeyedStateReader> open(std::unique_ptr<StateBytes> bytes);

  const KeyedStateIndex& index() const { return index_; }
  /// Calls visit with run after run of whole entries of a group; not at all when the group has none.
  /// @param state  index into index().states
  /// Errors: corrupt (external), also behind runs that were visited already; what `visit` returned.
  Result<void> read_group(std::size_t state, std::uint32_t group, const RestoredState::VisitEntries& visit);

 private:
  explicit KeyedStateReader(std::unique_ptr<StateBytes> bytes) : bytes_(std::move(bytes)) {}

  std::unique_ptr<StateBytes> bytes_;
  KeyedStateIndex index_;
};

}  // namespace weir::taskmanager
