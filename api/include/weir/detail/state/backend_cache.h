// BackendCache: a state table that stands in front of a keyed backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "weir/bytes.h"
#include "weir/detail/state/keyed_snapshot.h"
#include "weir/detail/state/state_declaration.h"
#include "weir/detail/state/state_table.h"
#include "weir/key_group.h"
#include "weir/keyed_backend.h"
#include "weir/serializer.h"

namespace weir::detail {

/// Loads the keys of a batch into the table before the batch, and stores what has changed behind it. Lives on: the
/// slot's thread. Owned by the states of an operator, beside the table.
template <class K>
class BackendCache final : public EntryWatcher {
 public:
  using View = KeyView<K>;

  BackendCache(std::unique_ptr<KeyedBackend> backend, StateTable<K>& table, const std::vector<StateDeclaration>& states,
               std::uint32_t max_parallelism)
      : backend_(std::move(backend)), table_(table), states_(states), max_parallelism_(max_parallelism) {
    table_.watch(this);
  }
  ~BackendCache() override { table_.watch(nullptr); }
  BackendCache(const BackendCache&) = delete;
  BackendCache& operator=(const BackendCache&) = delete;

  KeyedBackend& backend() { return *backend_; }

  /// The key is going to be processed.
  void want(std::uint64_t hash, const View& key) {
    if (table_.find(hash, key) == nullptr) wanted_.insert(encoded(key));
  }
  /// Loads what is wanted and not in the table.
  Result<void> load() {
    if (wanted_.empty()) return {};
    keys_.clear();
    for (const std::string& key : wanted_) keys_.push_back({group_of(key), key});
    table_.watch(nullptr);  // what is loaded is not changed
    Result<void> loaded =
        backend_->load(keys_, [&](std::size_t index, std::uint32_t state, std::string_view value) -> Result<void> {
          const View key = decoded(keys_[index].key);
          bool inserted = false;
          std::uint8_t* entry = table_.find_or_insert(key_hash(key), key, inserted);
          ByteReader in(value);
          if (!states_[state].decode(in, table_.layout().make(entry, state)) || !in.at_end())
            return state_corrupt(states_[state].name);
          return {};
        });
    table_.watch(this);
    wanted_.clear();
    return loaded;
  }

  void on_mutation(Mutation, std::uint8_t* entry, std::uint32_t) override {
    changed_.insert(encoded(StateTable<K>::key(entry)));
  }
  /// Stores what has changed, and forgets all keys when there are too many.
  Result<void> store() {
    Result<void> stored;
    if (!changed_.empty()) {
      values_.clear();
      places_.clear();
      for (const std::string& key : changed_) encode_states(key);
      changes_.clear();
      for (const Place& place : places_) {
        std::optional<std::string_view> value;
        if (place.has_value) value = values_.view().substr(place.offset, place.size);
        changes_.push_back({{group_of(*place.key), *place.key}, place.state, value});
      }
      stored = backend_->store(changes_);
      changed_.clear();
    }
    if (table_.size() > backend_->cached_keys_max()) table_.clear();
    return stored;
  }

 private:
  struct Place {
    const std::string* key = nullptr;
    std::uint32_t state = 0;
    bool has_value = false;
    std::size_t offset = 0;  // in values_
    std::size_t size = 0;
  };

  void encode_states(const std::string& bytes) {
    const View key = decoded(bytes);
    std::uint8_t* entry = table_.find(key_hash(key), key);
    for (std::uint32_t state = 0; state < states_.size(); ++state) {
      Place place{.key = &bytes, .state = state, .offset = values_.size()};
      place.has_value = entry != nullptr && table_.layout().has(entry, state);
      if (place.has_value) states_[state].encode(values_, table_.layout().value(entry, state));
      place.size = values_.size() - place.offset;
      places_.push_back(place);
    }
  }
  static std::string encoded(const View& key) {
    ByteWriter out;
    encode_value(out, key);
    return out.take();
  }
  static View decoded(std::string_view bytes) {
    View key{};
    ByteReader in(bytes);
    decode_value(in, key);
    return key;
  }
  std::uint32_t group_of(std::string_view bytes) const {
    return key_group_of(key_hash(decoded(bytes)), max_parallelism_);
  }

  // Set once
  const std::unique_ptr<KeyedBackend> backend_;
  StateTable<K>& table_;
  const std::vector<StateDeclaration>& states_;
  const std::uint32_t max_parallelism_;
  // Of the batch
  std::unordered_set<std::string> wanted_;   // keys that are to be loaded
  std::unordered_set<std::string> changed_;  // keys that are to be stored
  std::vector<EncodedKey> keys_;
  std::vector<EncodedChange> changes_;
  std::vector<Place> places_;
  ByteWriter values_;
};

}  // namespace weir::detail
