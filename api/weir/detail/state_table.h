// StateTable: from keys to the state values of one keyed operator, in the worker's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "weir/bytes.h"
#include "weir/detail/owned.h"
#include "weir/key.h"
#include "weir/key_group.h"

namespace weir::detail {

[[noreturn]] void throw_foreign_key();
/// Memory for a shard's entries, on huge pages where it is large: random look-ups in gigabytes wait for the page tables otherwise. Null when there is none;
/// freed with std::free.
std::uint8_t* allocate_entries(std::size_t bytes);

/// What the table needs to know of one state's value type.
struct ValueKind {
  std::uint32_t size = 0;
  std::uint32_t align = 1;
  void (*construct)(void* at) = nullptr;
  void (*destroy)(void* at) = nullptr;
  void (*relocate)(void* to, void* from) = nullptr;  ///< move constructs and destroys; null: copy the bytes
};

template <class V>
const ValueKind& value_kind() {
  static const ValueKind kind = [] {
    static_assert(alignof(V) <= 16);
    ValueKind made;
    made.size = sizeof(V);
    made.align = alignof(V);
    made.construct = [](void* at) { ::new (at) V(); };
    made.destroy = [](void* at) { static_cast<V*>(at)->~V(); };
    if constexpr (!std::is_trivially_copyable_v<V>) {
      made.relocate = [](void* to, void* from) {
        ::new (to) V(std::move(*static_cast<V*>(from)));
        static_cast<V*>(from)->~V();
      };
    }
    return made;
  }();
  return kind;
}

/// How the states of one operator lie in a table's entry, behind its head.
class EntryLayout {
 public:
  /// Adds a state; before seal.
  /// @return  its index
  std::uint32_t add(const ValueKind& kind) {
    values_.push_back({&kind, 0});
    return static_cast<std::uint32_t>(values_.size() - 1);
  }

  /// @param head_size, head_align  of what stands in front: the key
  void seal(std::uint32_t head_size, std::uint32_t head_align) {
    std::uint32_t at = head_size;
    // With a single state an entry exists if and only if the state does.
    if (values_.size() > 1) {
      at = (at + 3) / 4 * 4;
      present_offset_ = at;
      at += sizeof(std::uint32_t);
    }
    std::uint32_t align = head_align;
    for (Value& value : values_) {
      at = (at + value.kind->align - 1) / value.kind->align * value.kind->align;
      value.offset = at;
      at += value.kind->size;
      if (value.kind->align > align) align = value.kind->align;
      if (value.kind->relocate != nullptr) plain_ = false;
    }
    stride_ = (at + align - 1) / align * align;
  }

  std::uint32_t count() const { return static_cast<std::uint32_t>(values_.size()); }
  /// Bytes per entry, head and all.
  std::uint32_t stride() const { return stride_; }
  /// All values can be moved by copying their bytes.
  bool plain() const { return plain_; }

  void* value(std::uint8_t* entry, std::uint32_t index) const { return entry + values_[index].offset; }
  bool has(const std::uint8_t* entry, std::uint32_t index) const {
    return values_.size() == 1 || (present(entry) >> index & 1) != 0;
  }
  /// Default constructs the state unless it is there.
  void* make(std::uint8_t* entry, std::uint32_t index) const {
    if (!has(entry, index)) {
      values_[index].kind->construct(entry + values_[index].offset);
      set_present(entry, present(entry) | 1u << index);
    }
    return entry + values_[index].offset;
  }
  /// Drops one state of an entry.
  /// @return  true when the entry has no state left: erase it
  bool drop(std::uint8_t* entry, std::uint32_t index) const {
    if (values_.size() == 1) return true;
    if (has(entry, index)) {
      values_[index].kind->destroy(entry + values_[index].offset);
      set_present(entry, present(entry) & ~(1u << index));
    }
    return present(entry) == 0;
  }

  /// A fresh entry: no state present; a single one default constructed.
  void construct(std::uint8_t* entry) const {
    if (values_.size() == 1) {
      values_[0].kind->construct(entry + values_[0].offset);
    } else if (values_.size() > 1) {
      set_present(entry, 0);
    }
  }
  void destroy(std::uint8_t* entry) const {
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      if (has(entry, i)) values_[i].kind->destroy(entry + values_[i].offset);
    }
  }
  void relocate(std::uint8_t* to, std::uint8_t* from) const {
    if (values_.size() > 1) set_present(to, present(from));
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      if (!has(to, i)) continue;
      const Value& value = values_[i];
      if (value.kind->relocate != nullptr) {
        value.kind->relocate(to + value.offset, from + value.offset);
      } else {
        std::memcpy(to + value.offset, from + value.offset, value.kind->size);
      }
    }
  }

 private:
  struct Value {
    const ValueKind* kind;
    std::uint32_t offset;
  };
  std::uint32_t present(const std::uint8_t* entry) const {
    std::uint32_t bits = 0;
    std::memcpy(&bits, entry + present_offset_, sizeof bits);
    return bits;
  }
  void set_present(std::uint8_t* entry, std::uint32_t bits) const { std::memcpy(entry + present_offset_, &bits, sizeof bits); }

  std::vector<Value> values_;
  std::uint32_t stride_ = 0;
  std::uint32_t present_offset_ = 0;
  bool plain_ = true;
};

/// Open addressing in many small shards. A shard is chosen by the hash's high bits, and each shard lies within one key group, so a snapshot by key group is a
/// walk over shards, and growing moves one shard's entries only. Within a shard eight control bytes are compared at once.
/// All states of an operator lie in one entry beside the key: one look-up serves them all.
/// Lives on: the slot's thread. The layout is fixed at `seal`; pointers to values hold until the next insert or erase.
template <class K>
class StateTable {
 public:
  using View = KeyView<K>;

  StateTable() = default;
  StateTable(const StateTable&) = delete;
  StateTable& operator=(const StateTable&) = delete;
  ~StateTable() {
    for (Shard& shard : shards_) clear_shard(shard);
  }

  /// Fixes the layout of entries and the key groups that this subtask owns.
  void seal(EntryLayout layout, KeyGroupRange groups, std::uint32_t max_parallelism) {
    layout_ = std::move(layout);
    layout_.seal(sizeof(Head), alignof(Head));
    plain_ = layout_.plain() && std::is_trivially_copyable_v<Head>;
    groups_ = groups;
    shard_bits_ = 0;
    while (((groups.last - groups.first) << shard_bits_) < kShardsMin) ++shard_bits_;
    shard_count_ = std::uint64_t{max_parallelism} << shard_bits_;
    first_shard_ = std::uint64_t{groups.first} << shard_bits_;
    shards_.resize(std::size_t{groups.last - groups.first} << shard_bits_);
  }
  const EntryLayout& layout() const { return layout_; }

  std::size_t size() const { return size_; }
  /// Worth a prefetch: beyond what the near caches hold.
  bool is_large() const { return size_ > 16 * 1024; }

  /// The entry of a key; null when there is none.
  std::uint8_t* find(std::uint64_t hash, const View& key) const {
    const Shard& shard = shard_of(hash);
    if (shard.used == 0) return nullptr;
    const std::uint64_t wanted = kOnes * (hash & 0x7f);
    std::uint32_t at = start_of(hash) & shard.mask;
    for (std::uint32_t step = 0;; step += kGroup, at = (at + step) & shard.mask) {
      const std::uint64_t group = load_group(shard, at);
      for (std::uint64_t match = zero_bytes(group ^ wanted); match != 0; match &= match - 1) {
        std::uint8_t* entry = entry_at(shard, (at + byte_index(match)) & shard.mask);
        if (matches(entry, hash, key)) return entry;
      }
      if (empty_bytes(group) != 0) return nullptr;
    }
  }

  /// The entry of a key, made with no state present when there was none (a single state counts as present and is default constructed).
  std::uint8_t* find_or_insert(std::uint64_t hash, const View& key, bool& inserted) {
    if (std::uint8_t* entry = find(hash, key)) {
      inserted = false;
      return entry;
    }
    inserted = true;
    Shard& shard = shard_of(hash);
    if (shard.room == 0) grow(shard);
    const std::uint32_t at = free_place(shard, hash);
    if (shard.control[at] == kEmpty) --shard.room;
    set_control(shard, at, static_cast<std::uint8_t>(hash & 0x7f));
    std::uint8_t* entry = entry_at(shard, at);
    auto* head = ::new (entry) Head();
    head->set(hash, key);
    layout_.construct(entry);
    ++shard.used;
    ++size_;
    return entry;
  }

  void erase(std::uint64_t hash, const View& key) {
    std::uint8_t* entry = find(hash, key);
    if (entry == nullptr) return;
    Shard& shard = shard_of(hash);
    destroy_entry(entry);
    set_control(shard, static_cast<std::uint32_t>(static_cast<std::size_t>(entry - shard.entries) / layout_.stride()), kDeleted);
    --shard.used;
    --size_;
  }

  /// Asks for the control bytes of a hash that will be looked up a while later.
  void prefetch_control(std::uint64_t hash) const {
    const Shard& shard = shard_of(hash);
    if (shard.used != 0) __builtin_prefetch(shard.control + (start_of(hash) & shard.mask));
  }
  /// Then, when those have come, for the entry that they point to.
  void prefetch_entry(std::uint64_t hash) const {
    const Shard& shard = shard_of(hash);
    if (shard.used == 0) return;
    const std::uint32_t at = start_of(hash) & shard.mask;
    const std::uint64_t group = load_group(shard, at);
    const std::uint64_t match = zero_bytes(group ^ (kOnes * (hash & 0x7f)));
    const std::uint32_t first = match != 0 ? byte_index(match) : 0;
    __builtin_prefetch(entry_at(shard, (at + first) & shard.mask));
  }

  static const View& key(const std::uint8_t* entry) { return reinterpret_cast<const Head*>(entry)->key(); }

  /// Calls visit(entry) for every entry of a key group of this subtask.
  template <class Visit>
  void for_each_in_group(std::uint32_t group, Visit&& visit) const {
    const std::uint32_t per_group = 1u << shard_bits_;
    const std::uint32_t first = (group - groups_.first) * per_group;
    for (std::uint32_t s = first; s < first + per_group; ++s) {
      const Shard& shard = shards_[s];
      if (shard.used == 0) continue;
      for (std::uint32_t at = 0; at <= shard.mask; ++at) {
        if (shard.control[at] < kEmpty) visit(entry_at(shard, at));
      }
    }
  }
  KeyGroupRange groups() const { return groups_; }

 private:
  static constexpr std::uint32_t kGroup = 8;
  static constexpr std::uint32_t kShardsMin = 128;
  static constexpr std::uint8_t kEmpty = 0x80;
  static constexpr std::uint8_t kDeleted = 0xfe;
  static constexpr std::uint64_t kOnes = 0x0101010101010101ull;
  static constexpr std::uint64_t kHighBits = 0x8080808080808080ull;
  static constexpr bool kKeepsHash = !kIsScalar<View>;

  struct ScalarHead {
    View stored;
    void set(std::uint64_t, const View& key) { stored = key; }
    const View& key() const { return stored; }
    std::uint64_t hash() const { return key_hash(stored); }
  };
  struct HashedHead {
    std::uint64_t stored_hash;
    Owned<View> stored;
    void set(std::uint64_t hash, const View& key) {
      stored_hash = hash;
      stored.assign(key);
    }
    const View& key() const { return stored.get(); }
    std::uint64_t hash() const { return stored_hash; }
  };
  using Head = std::conditional_t<kKeepsHash, HashedHead, ScalarHead>;

  struct Shard {
    std::uint8_t* control = nullptr;  ///< capacity bytes and the first kGroup again; entries follow in `entries`
    std::uint8_t* entries = nullptr;
    std::uint32_t mask = 0;           ///< capacity - 1
    std::uint32_t used = 0;
    std::uint32_t room = 0;           ///< empty places that may still be filled
  };

  static std::uint32_t start_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 7); }
  static std::uint64_t load_group(const Shard& shard, std::uint32_t at) {
    std::uint64_t group = 0;
    std::memcpy(&group, shard.control + at, sizeof group);
    return group;
  }
  /// High bit of each byte that is zero; a byte above a zero byte may be marked too, which costs a comparison.
  static std::uint64_t zero_bytes(std::uint64_t word) { return (word - kOnes) & ~word & kHighBits; }
  static std::uint64_t empty_bytes(std::uint64_t group) { return group & ~(group << 6) & kHighBits; }
  static std::uint32_t byte_index(std::uint64_t marks) { return static_cast<std::uint32_t>(__builtin_ctzll(marks)) / 8; }

  /// Errors: std::logic_error for a key that belongs to another subtask: key_by's function did not answer the same twice.
  const Shard& shard_of(std::uint64_t hash) const {
    const std::uint64_t at = ((hash >> 32) * shard_count_ >> 32) - first_shard_;
    if (at >= shards_.size()) [[unlikely]] throw_foreign_key();
    return shards_[at];
  }
  Shard& shard_of(std::uint64_t hash) { return const_cast<Shard&>(std::as_const(*this).shard_of(hash)); }
  std::uint8_t* entry_at(const Shard& shard, std::uint32_t at) const { return shard.entries + std::size_t{at} * layout_.stride(); }
  static bool matches(const std::uint8_t* entry, std::uint64_t hash, const View& key) {
    const auto* head = reinterpret_cast<const Head*>(entry);
    if constexpr (kKeepsHash) {
      if (head->stored_hash != hash) return false;
    }
    return key_equal(head->key(), key);
  }
  static void set_control(Shard& shard, std::uint32_t at, std::uint8_t value) {
    shard.control[at] = value;
    if (at < kGroup) shard.control[at + shard.mask + 1] = value;
  }
  static std::uint32_t free_place(const Shard& shard, std::uint64_t hash) {
    std::uint32_t at = start_of(hash) & shard.mask;
    for (std::uint32_t step = 0;; step += kGroup, at = (at + step) & shard.mask) {
      const std::uint64_t free = load_group(shard, at) & kHighBits;
      if (free != 0) return (at + byte_index(free)) & shard.mask;
    }
  }

  void destroy_entry(std::uint8_t* entry) const {
    layout_.destroy(entry);
    reinterpret_cast<Head*>(entry)->~Head();
  }

  void relocate_entry(std::uint8_t* to, std::uint8_t* from) const {
    if (plain_) {
      std::memcpy(to, from, layout_.stride());
      return;
    }
    ::new (to) Head(std::move(*reinterpret_cast<Head*>(from)));
    reinterpret_cast<Head*>(from)->~Head();
    layout_.relocate(to, from);
  }

  /// Twice the places, or the same number without what was deleted.
  [[gnu::noinline]] void grow(Shard& shard) {
    const std::uint32_t old_capacity = shard.control == nullptr ? 0 : shard.mask + 1;
    std::uint32_t capacity = old_capacity == 0 ? kGroup : old_capacity;
    if (old_capacity != 0 && shard.used > old_capacity / 16 * 7) capacity *= 2;
    Shard grown;
    grown.mask = capacity - 1;
    grown.room = capacity / 8 * 7;
    grown.control = static_cast<std::uint8_t*>(std::malloc(capacity + kGroup));
    grown.entries = allocate_entries(std::size_t{capacity} * layout_.stride());
    if (grown.control == nullptr || grown.entries == nullptr) {
      std::free(grown.control);
      std::free(grown.entries);
      throw std::bad_alloc();
    }
    std::memset(grown.control, kEmpty, capacity + kGroup);
    for (std::uint32_t at = 0; at < old_capacity; ++at) {
      if (shard.control[at] >= kEmpty) continue;
      std::uint8_t* from = entry_at(shard, at);
      const std::uint64_t hash = reinterpret_cast<const Head*>(from)->hash();
      const std::uint32_t to = free_place(grown, hash);
      set_control(grown, to, static_cast<std::uint8_t>(hash & 0x7f));
      relocate_entry(entry_at(grown, to), from);
      --grown.room;
    }
    grown.used = shard.used;
    std::free(shard.control);
    std::free(shard.entries);
    shard = grown;
  }

  void clear_shard(Shard& shard) {
    if (shard.control == nullptr) return;
    for (std::uint32_t at = 0; at <= shard.mask; ++at) {
      if (shard.control[at] < kEmpty) destroy_entry(entry_at(shard, at));
    }
    std::free(shard.control);
    std::free(shard.entries);
    shard = Shard{};
  }

  EntryLayout layout_;
  std::vector<Shard> shards_;
  KeyGroupRange groups_;
  std::uint64_t shard_count_ = 0;  ///< over all subtasks
  std::uint64_t first_shard_ = 0;
  std::uint32_t shard_bits_ = 0;   ///< shards per key group: 1 << shard_bits_
  bool plain_ = true;
  std::size_t size_ = 0;
};

}  // namespace weir::detail
