// KeyedStates: the states of the key that is being processed, and their snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/batch.h"
#include "weir/bytes.h"
#include "weir/detail/row_reader.h"
#include "weir/detail/state/backend_cache.h"
#include "weir/detail/state/keyed_snapshot.h"
#include "weir/detail/state/state_declaration.h"
#include "weir/detail/state/state_table.h"
#include "weir/detail/text_arena.h"
#include "weir/operator.h"
#include "weir/result.h"
#include "weir/serializer.h"
#include "weir/type_of.h"

namespace weir::detail {

[[noreturn]] void throw_unopened_state();
[[noreturn]] void throw_not_keyed(std::string_view state);
[[noreturn]] void throw_no_current_key(std::string_view what);

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

  /// The current key's value; null when it has none.
  void* find(std::uint32_t index) {
    if (entry_ == nullptr) [[unlikely]]
      look_up();
    if (entry_ == nullptr) return nullptr;
    return layout_->has(entry_, index) ? layout_->value(entry_, index) : nullptr;
  }
  /// The current key's value, made when it was not there; it is going to be changed.
  void* make(std::uint32_t index) {
    if (entry_ != nullptr && only_offset_ != kNoOffset) [[likely]]
      return entry_ + only_offset_;
    return make_any(index);
  }
  void drop(std::uint32_t index) {
    if (find(index) == nullptr) return;
    if (layout_->is_last(entry_, index)) return erase();
    if (watcher_ != nullptr) [[unlikely]]
      watcher_->on_mutation(Mutation::drop, entry_, index);
    layout_->drop(entry_, index);
  }
  const EntryLayout& layout() const { return *layout_; }

 protected:
  static constexpr std::uint32_t kNoOffset = UINT32_MAX;

  virtual void look_up() = 0;
  /// Also notes whether there was no entry.
  virtual void insert() = 0;
  virtual void erase() = 0;
  [[gnu::noinline]] void* make_any(std::uint32_t index) {
    if (entry_ == nullptr) insert();
    return watcher_ != nullptr ? make_watched(index) : layout_->make(entry_, index);
  }
  void* make_watched(std::uint32_t index);
  /// Whenever the layout is sealed or the watcher changes.
  void choose_offset() { only_offset_ = layout_->count() == 1 && watcher_ == nullptr ? layout_->offset(0) : kNoOffset; }

  std::vector<StateDeclaration> states_;
  EntryLayout declared_;                   // until seal
  const EntryLayout* layout_ = nullptr;    // after it
  std::uint8_t* entry_ = nullptr;          // of the current key; null: it has none, or was not looked for
  std::uint32_t only_offset_ = kNoOffset;  // of the value, where there is one state and nobody watches
  bool inserted_ = false;                  // the entry was just made for the current key
  EntryWatcher* watcher_ = nullptr;        // sees all mutations
};

/// A key, and where the look-up of its entry begins.
template <class K>
struct KeyAt {
  KeyView<K> key{};
  std::uint64_t hash = 0;
  std::uint8_t* place = nullptr;
};

/// Rows whose keys are read, and whose state is fetched into the caches, before the first of them is processed.
inline constexpr std::uint32_t kKeyChunk = 64;

template <class K>
class TypedKeyedStates final : public KeyedStates {
 public:
  using View = KeyView<K>;

  /// Fixes the states and reads what was saved of them. Where the context has a backend they live there, and the table
  /// is its cache.
  Result<void> seal(OperatorContext& context) {
    table_.seal(declared_,
                key_groups_of_subtask(context.subtask_index(), context.parallelism(), context.max_parallelism()),
                context.max_parallelism());
    layout_ = &table_.layout();
    choose_offset();
    max_parallelism_ = context.max_parallelism();
    if (std::unique_ptr<KeyedBackend> backend = context.make_keyed_backend()) {
      cache_ = std::make_unique<BackendCache<K>>(std::move(backend), table_, states_, max_parallelism_);
      watcher_ = cache_.get();
      choose_offset();
      std::vector<KeyedStateSchema> schemas;
      for (std::uint32_t state = 0; state < states_.size(); ++state) schemas.push_back(schema(state));
      return cache_->backend().open(schemas, table_.groups(), context.restored());
    }
    for (std::uint32_t state = 0; state < states_.size() && context.restored() != nullptr; ++state) {
      Result<void> read =
          read_saved_state(*context.restored(), schema(state), table_.groups(),
                           [&](ByteReader& in, std::uint32_t group) { return read_entry(in, state, group); });
      if (!read.ok()) return read;
    }
    clear_key();
    return {};
  }

  /// Brings the state of all keys of a batch near, before the batch is processed.
  /// @return  false when that failed: the batch can't be processed, and `failure` says why
  template <class Selector>
  bool prepare(const Batch& batch, Selector& selector) {
    if (cache_ == nullptr) [[likely]]
      return true;
    const RowArea rows(batch.block());
    batch.for_each_row([&](std::uint32_t row) {
      const View key = selector.of_row(rows, row);
      cache_->want(key_hash(key), key);
    });
    return keep(cache_->load());
  }
  /// The same for one key: a timer's.
  bool prepare_key(std::uint64_t hash, const View& key) {
    if (cache_ == nullptr) [[likely]]
      return true;
    cache_->want(hash, key);
    return keep(cache_->load());
  }
  /// The batch, or what came of some timers, has been processed: no key is current any more.
  void finish() {
    clear_key();
    if (cache_ != nullptr) [[unlikely]]
      keep(cache_->store());
  }
  /// What went wrong with the backend.
  const Result<void>& failure() const { return failure_; }

  /// Who sees all mutations; null: nobody. Only where there is no backend, which watches itself.
  void watch(EntryWatcher* watcher) {
    watcher_ = watcher;
    inserted_ = false;
    table_.watch(watcher);
    choose_offset();
  }

  /// Reads the keys of `count` rows of a batch, from the position `first` on, at most kKeyChunk. They hold until the
  /// next call. Errors: std::logic_error for a key of another subtask; what the selector's function throws.
  template <class Selector>
  [[gnu::noinline]] const KeyAt<K>* read_keys(const Batch& batch, Selector& selector, std::uint32_t first,
                                              std::uint32_t count) {
    const RowArea rows(batch.block());
    const typename StateTable<K>::Locator locator(table_);
    // A member's selector in a copy, so that its offset stays in a register.
    std::conditional_t<Selector::kIsField, Selector, Selector&> reader = selector;
    if constexpr (!Selector::kIsField) key_texts_.clear();
    const auto read = [&](KeyAt<K> & at, std::uint32_t row) __attribute__((always_inline)) {
      at.key = reader.of_row(rows, row);
      if constexpr (!Selector::kIsField && kHoldsText<View>)
        for_each_text(at.key, [&](Text& text) { text = key_texts_.copy(text); });
      at.hash = key_hash(at.key);
      at.place = locator.place(at.hash);
    };
    chunk_count_ = 0;
    if (const std::uint16_t* const selection = batch.selection()) {
      for (std::uint32_t at = 0; at < count; ++at) read(chunk_[at], selection[first + at]);
    } else {
      for (std::uint32_t at = 0; at < count; ++at) read(chunk_[at], first + at);
    }
    chunk_count_ = count;
    return chunk_;
  }

  /// The key that the next calls mean. The view must live as long.
  void set_key(std::uint64_t hash, const View& key) {
    own_.key = key;
    own_.hash = hash;
    current_ = &own_;
    entry_ = nullptr;
  }
  /// The same for a key that read_keys has read.
  [[gnu::always_inline]] void set_key(const KeyAt<K>& at) {
    current_ = &at;
    entry_ = find(at);
  }
  void clear_key() {
    current_ = nullptr;
    entry_ = nullptr;
  }
  /// Null when there is none.
  const KeyAt<K>* current() const { return current_; }

  /// The entry of a key that read_keys has read; null when there is none.
  [[gnu::always_inline]] std::uint8_t* find(const KeyAt<K>& at) const {
    std::uint8_t* const near = table_.entry_near(at.place, at.hash, at.key);
    return near != nullptr ? near : table_.find(at.hash, at.key);
  }
  /// The same, made when there was none.
  std::uint8_t* find_or_insert(const KeyAt<K>& at, bool& inserted) {
    inserted = false;
    if (std::uint8_t* const near = table_.entry_near(at.place, at.hash, at.key)) return near;
    return find_or_insert(at.hash, at.key, inserted);
  }
  StateTable<K>& table() { return table_; }

  /// How far a walk over all keys has come. Nothing may be changed meanwhile.
  struct Walk {
    typename StateTable<K>::Cursor cursor;  // in the table
    std::uint32_t groups = 0;               // of a backend, visited
  };
  /// Calls visit(value) for the next values of one state: about `count_max` of them, or a key group of a backend.
  /// @return  whether there are more
  template <class V, class Visit>
  Result<bool> visit_some(Walk& walk, std::uint32_t state, std::uint32_t count_max, Visit&& visit) {
    if (cache_ == nullptr) {
      return table_.visit_some(walk.cursor, count_max, [&](std::uint8_t* entry) {
        if (layout_->has(entry, state)) visit(*static_cast<const V*>(layout_->value(entry, state)));
      });
    }
    const KeyGroupRange groups = table_.groups();
    if (walk.groups == groups.last - groups.first) return false;
    Result<void> read =
        cache_->backend().for_each(state, groups.first + walk.groups++, [&](std::string_view, std::string_view bytes) {
          V value{};
          ByteReader in(bytes);
          if (!states_[state].decode(in, &value)) return Result<void>(state_corrupt(states_[state].name));
          visit(std::as_const(value));
          return Result<void>();
        });
    if (!read.ok()) return std::move(read).error();
    return walk.groups < groups.last - groups.first;
  }

  /// Notes all states of now: those in the table are encoded into `work`.
  Result<void> snapshot(SnapshotContext& context, KeyedStateWork& work) {
    if (!failure_.ok()) return failure_;
    if (cache_ != nullptr) return cache_->backend().snapshot(context);
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
    return {};
  }

  static std::string key_schema() {
    using Named = std::conditional_t<std::is_same_v<View, Text>, std::string, View>;
    return schema_text(type_of<Named>());
  }

 private:
  void look_up() override {
    check_key();
    if (current_->place != nullptr) return;  // set_key has looked
    entry_ = table_.find(current_->hash, current_->key);
  }
  void insert() override {
    check_key();
    entry_ = find_or_insert(current_->hash, current_->key, inserted_);
  }
  void erase() override {
    const std::uint64_t resizes = table_.resizes();
    table_.erase(current_->hash, current_->key);
    entry_ = nullptr;
    if (resizes != table_.resizes()) locate_again();
  }
  void check_key() const {
    if (current_ == nullptr) [[unlikely]]
      throw_no_current_key("a ValueState");
  }
  std::uint8_t* find_or_insert(std::uint64_t hash, const View& key, bool& inserted) {
    const std::uint64_t resizes = table_.resizes();
    std::uint8_t* const entry = table_.find_or_insert(hash, key, inserted);
    if (resizes != table_.resizes()) [[unlikely]]
      locate_again();
    return entry;
  }
  /// The places of the keys that were read are gone.
  [[gnu::noinline]] void locate_again() {
    const typename StateTable<K>::Locator locator(table_);
    for (std::uint32_t at = 0; at < chunk_count_; ++at) chunk_[at].place = locator.place(chunk_[at].hash);
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

  bool keep(Result<void> done) {
    if (!done.ok() && failure_.ok()) failure_ = std::move(done);
    return failure_.ok();
  }

  StateTable<K> table_;
  std::unique_ptr<BackendCache<K>> cache_;  // behind the table, which it watches; null: the table is all there is
  Result<void> failure_;
  std::uint32_t max_parallelism_ = 0;
  const KeyAt<K>* current_ = nullptr;
  KeyAt<K> own_;  // the current key where it is not one of the chunk's
  KeyAt<K> chunk_[kKeyChunk];
  std::uint32_t chunk_count_ = 0;
  TextArena key_texts_;  // of the chunk's keys, where a function made them
};

}  // namespace weir::detail
