// KeyedStates: the states of the key that is being processed, and their snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bytes.h"
#include "weir/detail/state/keyed_snapshot.h"
#include "weir/detail/state/state_table.h"
#include "weir/operator.h"
#include "weir/result.h"
#include "weir/serializer.h"
#include "weir/type_of.h"

namespace weir::detail {

[[noreturn]] void throw_unopened_state();
[[noreturn]] void throw_not_keyed(std::string_view state);
[[noreturn]] void throw_no_current_key(std::string_view what);

/// One state as the operator declared it.
struct StateDeclaration {
  std::string name;
  std::string schema;
  const ValueKind* kind = nullptr;
  void (*encode)(ByteWriter& out, const void* value) = nullptr;
  bool (*decode)(ByteReader& in, void* value) = nullptr;
};

template <class V>
StateDeclaration declare_state(std::string_view name) {
  static_assert(CheckType<V>::kFits && !kHoldsText<V>,
                "weir: a state cannot hold weir::Text, whose bytes lie in a batch; use std::string");
  StateDeclaration made;
  made.name = name;
  made.schema = schema_text(type_of<V>());
  made.kind = &value_kind<V>();
  made.encode = [](ByteWriter& out, const void* value) { encode_value(out, *static_cast<const V*>(value)); };
  made.decode = [](ByteReader& in, void* value) { return decode_value(in, *static_cast<V*>(value)); };
  return made;
}
/// For values that hold Text and own its bytes.
template <class T>
StateDeclaration declare_owned_state(std::string_view name) {
  StateDeclaration made;
  made.name = name;
  made.schema = schema_text(type_of<T>());
  made.kind = &value_kind<Owned<T>>();
  made.encode = [](ByteWriter& out, const void* value) {
    encode_value(out, static_cast<const Owned<T>*>(value)->get());
  };
  made.decode = [](ByteReader& in, void* value) {
    T read{};
    if (!decode_value(in, read)) return false;
    static_cast<Owned<T>*>(value)->assign(read);
    return true;
  };
  return made;
}

/// What a ValueState works on, whatever the key's type. Lives on: the slot's thread. States are declared until seal()
/// and used after it.
class KeyedStates {
 public:
  KeyedStates() = default;
  KeyedStates(const KeyedStates&) = delete;
  KeyedStates& operator=(const KeyedStates&) = delete;
  virtual ~KeyedStates() = default;

  /// Errors: std::logic_error after seal, for a name that is taken by another type, for more than 32 states.
  std::uint32_t declare(StateDeclaration state);

  /// The current key's entry; null when it has no state.
  std::uint8_t* entry() {
    if (!looked_up_) look_up();
    return entry_;
  }
  /// The current key's value, made when it was not there.
  void* make(std::uint32_t index) {
    if (!looked_up_ || entry_ == nullptr) insert();
    return layout_->make(entry_, index);
  }
  void drop(std::uint32_t index) {
    std::uint8_t* found = entry();
    if (found != nullptr && layout_->drop(found, index)) erase();
  }
  const EntryLayout& layout() const { return *layout_; }

 protected:
  virtual void look_up() = 0;
  virtual void insert() = 0;
  virtual void erase() = 0;

  std::vector<StateDeclaration> states_;
  EntryLayout declared_;                 // until seal
  const EntryLayout* layout_ = nullptr;  // after it
  std::uint8_t* entry_ = nullptr;
  bool looked_up_ = false;
};

template <class K>
class TypedKeyedStates final : public KeyedStates {
 public:
  using View = KeyView<K>;

  /// Fixes the states and reads what was saved of them.
  Result<void> seal(OperatorContext& context) {
    table_.seal(declared_,
                key_groups_of_subtask(context.subtask_index(), context.parallelism(), context.max_parallelism()),
                context.max_parallelism());
    layout_ = &table_.layout();
    max_parallelism_ = context.max_parallelism();
    begin_keys();
    for (std::uint32_t state = 0; state < states_.size() && context.restored() != nullptr; ++state) {
      Result<void> read =
          read_saved_state(*context.restored(), schema(state), table_.groups(),
                           [&](ByteReader& in, std::uint32_t group) { return read_entry(in, state, group); });
      if (!read.ok()) return read;
    }
    clear_key();
    return {};
  }

  /// The key that the next calls mean. The view must live as long.
  void set_key(std::uint64_t hash, const View& key) {
    hash_ = hash;
    key_ = key;
    looked_up_ = false;
  }
  /// Keys will be set, until clear_key().
  void begin_keys() { has_key_ = true; }
  void clear_key() {
    has_key_ = false;
    looked_up_ = false;
  }
  StateTable<K>& table() { return table_; }

  /// Encodes all states of now.
  void snapshot(KeyedStateWork& work) const {
    for (std::uint32_t state = 0; state < states_.size(); ++state) {
      work.begin_state(schema(state));
      for (std::uint32_t group = table_.groups().first; group < table_.groups().last; ++group) {
        table_.for_each_in_group(group, [&](std::uint8_t* entry) {
          if (!table_.layout().has(entry, state)) return;
          ByteWriter& out = work.entry_of(group);
          encode_value(out, StateTable<K>::key(entry));
          states_[state].encode(out, table_.layout().value(entry, state));
        });
      }
      work.end_state();
    }
  }

  static std::string key_schema() {
    using Named = std::conditional_t<std::is_same_v<View, Text>, std::string, View>;
    return schema_text(type_of<Named>());
  }

 private:
  void look_up() override {
    check_key();
    entry_ = table_.find(hash_, key_);
    looked_up_ = true;
  }
  void insert() override {
    check_key();
    bool inserted = false;
    entry_ = table_.find_or_insert(hash_, key_, inserted);
    looked_up_ = true;
  }
  void erase() override {
    table_.erase(hash_, key_);
    entry_ = nullptr;
  }
  void check_key() const {
    if (!has_key_) [[unlikely]]
      throw_no_current_key("a ValueState");
  }

  KeyedStateSchema schema(std::uint32_t state) const {
    KeyedStateSchema made;
    made.name = states_[state].name;
    made.key_type = key_schema();
    made.value_type = states_[state].schema;
    return made;
  }

  bool read_entry(ByteReader& in, std::uint32_t state, std::uint32_t group) {
    View key{};
    if (!decode_value(in, key)) return false;
    const std::uint64_t hash = key_hash(key);
    if (key_group_of(hash, max_parallelism_) != group) return false;
    set_key(hash, key);
    return states_[state].decode(in, make(state));
  }

  StateTable<K> table_;
  std::uint32_t max_parallelism_ = 0;
  std::uint64_t hash_ = 0;
  View key_{};
  bool has_key_ = false;
};

}  // namespace weir::detail
