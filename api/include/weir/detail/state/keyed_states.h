// KeyedStates: the states of the key that is being processed, and their snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bytes.h"
#include "weir/detail/state/state_table.h"
#include "weir/operator.h"
#include "weir/result.h"
#include "weir/serializer.h"
#include "weir/type_of.h"

namespace weir::detail {

[[noreturn]] void throw_unopened_state();
[[noreturn]] void throw_not_keyed(std::string_view state);
/// "state 'count' holds int64 now and held int32 when it was saved; ..."
Error state_mismatch(std::string_view state, std::string_view now, std::string_view saved);
Error state_corrupt(std::string_view state);

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

  /// Fixes the states and reads what was restored before.
  Result<void> seal(OperatorContext& context) {
    table_.seal(declared_,
                key_groups_of_subtask(context.subtask_index(), context.parallelism(), context.max_parallelism()),
                context.max_parallelism());
    layout_ = &table_.layout();
    max_parallelism_ = context.max_parallelism();
    for (const std::string& bytes : restored_) {
      auto read = read_snapshot(bytes);
      if (!read.ok()) return read;
    }
    restored_ = {};
    return {};
  }

  /// The key that the next calls mean. The view must live as long.
  void set_key(std::uint64_t hash, const View& key) {
    hash_ = hash;
    key_ = key;
    looked_up_ = false;
  }
  StateTable<K>& table() { return table_; }

  /// docs/formats/keyed_state.md.
  void snapshot(ByteWriter& out) const {
    out.put_varint(1);
    out.put_text(key_schema());
    out.put_varint(states_.size());
    for (std::uint32_t state = 0; state < states_.size(); ++state) {
      out.put_text(states_[state].name);
      out.put_text(states_[state].schema);
      ByteWriter body;
      for (std::uint32_t group = table_.groups().first; group < table_.groups().last; ++group)
        write_group(body, state, group);
      out.put_text(body.view());
    }
  }
  /// May be called more than once before seal: pieces of several former subtasks, of which each subtask keeps its own
  /// key groups.
  void restore(std::string_view bytes) { restored_.emplace_back(bytes); }

  static std::string key_schema() {
    using Named = std::conditional_t<std::is_same_v<View, Text>, std::string, View>;
    return schema_text(type_of<Named>());
  }

 private:
  void look_up() override {
    entry_ = table_.find(hash_, key_);
    looked_up_ = true;
  }
  void insert() override {
    bool inserted = false;
    entry_ = table_.find_or_insert(hash_, key_, inserted);
    looked_up_ = true;
  }
  void erase() override {
    table_.erase(hash_, key_);
    entry_ = nullptr;
  }

  void write_group(ByteWriter& body, std::uint32_t state, std::uint32_t group) const {
    std::uint64_t count = 0;
    table_.for_each_in_group(group, [&](std::uint8_t* entry) { count += table_.layout().has(entry, state) ? 1 : 0; });
    if (count == 0) return;
    body.put_varint(group);
    body.put_varint(count);
    table_.for_each_in_group(group, [&](std::uint8_t* entry) {
      if (!table_.layout().has(entry, state)) return;
      encode_value(body, StateTable<K>::key(entry));
      states_[state].encode(body, table_.layout().value(entry, state));
    });
  }

  Result<void> read_snapshot(std::string_view bytes) {
    ByteReader in(bytes);
    std::uint64_t version = 0;
    std::string_view schema;
    std::uint64_t sections = 0;
    if (!in.get_varint(version) || version != 1 || !in.get_text(schema) || !in.get_varint(sections))
      return state_corrupt("");
    if (schema != key_schema()) return state_mismatch("key", key_schema(), schema);
    for (std::uint64_t section = 0; section < sections; ++section) {
      std::string_view name;
      std::string_view value_schema;
      std::string_view body;
      if (!in.get_text(name) || !in.get_text(value_schema) || !in.get_text(body)) return state_corrupt(name);
      for (std::uint32_t state = 0; state < states_.size(); ++state) {
        if (states_[state].name != name) continue;  // a state that the operator has no more is dropped
        if (states_[state].schema != value_schema) return state_mismatch(name, states_[state].schema, value_schema);
        auto read = read_section(state, body);
        if (!read.ok()) return read;
      }
    }
    return {};
  }

  Result<void> read_section(std::uint32_t state, std::string_view body) {
    ByteReader in(body);
    const auto scratch = std::make_unique<std::byte[]>(states_[state].kind->size + 16);
    while (!in.at_end()) {
      std::uint64_t group = 0;
      std::uint64_t count = 0;
      if (!in.get_varint(group) || !in.get_varint(count)) return state_corrupt(states_[state].name);
      const bool own = group >= table_.groups().first && group < table_.groups().last;
      for (std::uint64_t i = 0; i < count; ++i) {
        View key{};
        if (!decode_value(in, key)) return state_corrupt(states_[state].name);
        const std::uint64_t hash = key_hash(key);
        if (own && key_group_of(hash, max_parallelism_) != group) return state_corrupt(states_[state].name);
        if (!own) {
          // Another subtask's: read into nothing.
          void* at = aligned(scratch.get());
          states_[state].kind->construct(at);
          const bool good = states_[state].decode(in, at);
          states_[state].kind->destroy(at);
          if (!good) return state_corrupt(states_[state].name);
          continue;
        }
        set_key(hash, key);
        if (!states_[state].decode(in, make(state))) return state_corrupt(states_[state].name);
      }
    }
    return {};
  }
  static void* aligned(std::byte* memory) {
    return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory) + 15) & ~std::uintptr_t{15});
  }

  StateTable<K> table_;
  std::uint32_t max_parallelism_ = 0;
  std::uint64_t hash_ = 0;
  View key_{};
  std::vector<std::string> restored_;
};

}  // namespace weir::detail
