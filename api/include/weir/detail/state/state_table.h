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
/// Memory for a shard's entries, on huge pages where it is large: random look-ups in gigabytes wait for the page tables
/// otherwise. Null when there is none; freed with std::free.
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
    is_single_ = values_.size() == 1;
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

  /// Of a state, within an entry.
  std::uint32_t offset(std::uint32_t index) const { return values_[index].offset; }
  void* value(std::uint8_t* entry, std::uint32_t index) const { return entry + values_[index].offset; }
  bool has(const std::uint8_t* entry, std::uint32_t index) const {
    return is_single_ || (present(entry) >> index & 1) != 0;
  }
  /// Default constructs the state unless it is there.
  void* make(std::uint8_t* entry, std::uint32_t index) const {
    if (!has(entry, index)) {
      values_[index].kind->construct(entry + values_[index].offset);
      set_present(entry, present(entry) | 1u << index);
    }
    return entry + values_[index].offset;
  }
  /// The entry has no state but this one, which it has.
  bool is_last(const std::uint8_t* entry, std::uint32_t index) const {
    return is_single_ || present(entry) == 1u << index;
  }
  /// Drops one state of an entry that has it, and others.
  void drop(std::uint8_t* entry, std::uint32_t index) const {
    values_[index].kind->destroy(entry + values_[index].offset);
    set_present(entry, present(entry) & ~(1u << index));
  }

  /// A fresh entry: no state present; a single one default constructed.
  void construct(std::uint8_t* entry) const {
    if (is_single_) {
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
  void set_present(std::uint8_t* entry, std::uint32_t bits) const {
    std::memcpy(entry + present_offset_, &bits, sizeof bits);
  }

  std::vector<Value> values_;
  std::uint32_t stride_ = 0;
  std::uint32_t present_offset_ = 0;
  bool plain_ = true;
  bool is_single_ = false;  ///< a single state: an entry exists if and only if the state does
};

/// What happens to an entry.
enum class Mutation : std::uint8_t {
  make,    ///< a state gets a value that the key did not have: behind it
  change,  ///< a state's value is going to change: before it
  drop,    ///< one state goes, others of the key stay: before it
  erase,   ///< the entry goes with all its states: before it
};

/// Sees every mutation of a table: what a snapshot that is written while records go on, and a cache in front of another
/// backend, need to know. Lives on: the slot's thread.
class EntryWatcher {
 public:
  virtual ~EntryWatcher() = default;
  /// @param entry  holds the key, and the values as they are before a change, drop or erase
  /// @param state  index of the state; of an erase it means nothing
  virtual void on_mutation(Mutation mutation, std::uint8_t* entry, std::uint32_t state) = 0;
};

/// Linear probing in many small shards. A shard is chosen by the hash's high bits, and each shard lies within one key
/// group, so a snapshot by key group is a walk over shards, and growing moves one shard's entries only. All states of
/// an operator lie in one entry beside the key: one look-up serves them all, and usually touches one cache line: an
/// empty place is told by what stands there in place of a key, a mark that belongs to another shard. A shard that has
/// become nearly empty shrinks. Lives on: the slot's thread. The layout is fixed at `seal`; pointers to values hold
/// until the next insert or erase.
template <class K>
class StateTable {
  struct Shard;

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
    stride_ = layout_.stride();
    plain_ = layout_.plain() && std::is_trivially_copyable_v<Head>;
    groups_ = groups;
    shard_bits_ = 0;
    while (((groups.last - groups.first) << shard_bits_) < kShardsMin) ++shard_bits_;
    shard_count_ = std::uint64_t{max_parallelism} << shard_bits_;
    first_shard_ = std::uint64_t{groups.first} << shard_bits_;
    own_shards_ = std::uint64_t{groups.last - groups.first} << shard_bits_;
    shards_.resize(own_shards_);
    // Two marks of different shards: whatever the shard, one of them can stand for none of its keys.
    const Mark first = nth_mark(0);
    Mark other = first;
    for (std::uint32_t n = 1; shard_of_mark(other) == shard_of_mark(first); ++n) other = nth_mark(n);
    empty_ = first;
    other_empty_ = other;
    other_shard_ = shard_of_mark(first) - first_shard_;
    next_offset_ = stride_ <= kNearBytesMax ? stride_ : 0;
    // What shards without places begin with: two empty ones that are never filled.
    bare_ = std::make_unique<std::uint64_t[]>(2 * bare_words());
    for (const bool is_other : {false, true})
      for (std::uint32_t at = 0; at < 2; ++at)
        std::memcpy(bare_places(is_other) + std::size_t{at} * stride_, is_other ? &other_empty_ : &empty_,
                    sizeof empty_);
    for (std::uint64_t at = 0; at < own_shards_; ++at) make_bare(shards_[at]);
  }
  const EntryLayout& layout() const { return layout_; }

  std::size_t size() const { return size_; }
  /// Bytes of all places, full or empty.
  std::size_t place_bytes() const {
    std::size_t bytes = 0;
    for (const Shard& shard : shards_) bytes += is_bare(shard) ? 0 : std::size_t{shard.mask + 1} * stride_;
    return bytes;
  }

  /// Who sees mutations from here on; null: nobody. Outlives the table, or is taken away before.
  void watch(EntryWatcher* watcher) { watcher_ = watcher; }
  /// Tells of a mutation: whoever makes, changes or drops a value calls it. The table itself tells of what it erases.
  void note(Mutation mutation, std::uint8_t* entry, std::uint32_t state) const {
    if (watcher_ != nullptr) [[unlikely]]
      watcher_->on_mutation(mutation, entry, state);
  }

  /// The entry of a key; null when there is none.
  std::uint8_t* find(std::uint64_t hash, const View& key) const {
    const Shard& shard = shard_of(hash);
    std::uint8_t* entry = probe(shard, hash, key);
    return is_empty(shard, entry) ? nullptr : entry;
  }

  /// The entry of a key, made with no state present when there was none (a single state counts as present and is
  /// default constructed).
  std::uint8_t* find_or_insert(std::uint64_t hash, const View& key, bool& inserted) {
    Shard& shard = shard_of(hash);
    std::uint8_t* entry = probe(shard, hash, key);
    inserted = is_empty(shard, entry);
    if (inserted) [[unlikely]]
      entry = insert(shard, entry, hash, key);
    return entry;
  }

  void erase(std::uint64_t hash, const View& key) {
    std::uint8_t* entry = find(hash, key);
    if (entry == nullptr) return;
    note(Mutation::erase, entry, 0);
    Shard& shard = shard_of(hash);
    destroy_entry(entry);
    close_gap(shard, static_cast<std::uint32_t>(static_cast<std::size_t>(entry - shard.entries) / stride_));
    ++shard.room;
    --size_;
    if (is_sparse(shard)) [[unlikely]]
      shrink(shard);
  }

  /// Forgets all entries; nobody is told.
  void clear() {
    for (Shard& shard : shards_) {
      clear_shard(shard);
      make_bare(shard);
    }
    size_ = 0;
    ++resizes_;
  }

  /// Finds the places of many keys: a copy of what that needs, so that a loop which stores keeps it in registers.
  class Locator {
   public:
    explicit Locator(const StateTable& table)
        : shards_(table.shards_.data()),
          shard_count_(table.shard_count_),
          first_shard_(table.first_shard_),
          own_shards_(table.own_shards_),
          stride_(table.stride_) {}
    /// Where the look-up of a hash begins. The place is on its way into the caches.
    /// Errors: of shard_of.
    [[gnu::always_inline]] std::uint8_t* place(std::uint64_t hash) const {
      const std::uint64_t at = ((hash >> 32) * shard_count_ >> 32) - first_shard_;
      if (at >= own_shards_) [[unlikely]]
        throw_foreign_key();
      const Shard& shard = shards_[at];
      std::uint8_t* const place = shard.entries + std::size_t{start_of(hash) & shard.mask} * stride_;
      __builtin_prefetch(place);
      return place;
    }

   private:
    const Shard* shards_;
    std::uint64_t shard_count_;
    std::uint64_t first_shard_;
    std::uint64_t own_shards_;
    std::size_t stride_;
  };
  /// Changes when places that a Locator found are gone.
  std::uint64_t resizes() const { return resizes_; }

  /// The key's entry if it is at its place or right behind it; null does not say that there is none. Which of the two
  /// it is takes no branch: it would be guessed wrong for one key in six.
  [[gnu::always_inline]] std::uint8_t* entry_near(std::uint8_t* place, [[maybe_unused]] std::uint64_t hash,
                                                  const View& key) const {
    bool is_here = false;
    if constexpr (kKeepsHash) {
      is_here = mark_of(place) == hash;
    } else {
      is_here = key_equal(mark_of(place), key);
    }
    std::uint8_t* const entry = place + (next_offset_ & (std::size_t{is_here} - 1));
    if constexpr (kKeepsHash) {
      return mark_of(entry) == hash && key_equal(reinterpret_cast<const Head*>(entry)->key(), key) ? entry : nullptr;
    } else {
      return key_equal(mark_of(entry), key) ? entry : nullptr;
    }
  }

  static const View& key(const std::uint8_t* entry) { return reinterpret_cast<const Head*>(entry)->key(); }

  /// Calls visit(entry) for every entry of a key group of this subtask.
  template <class Visit>
  void for_each_in_group(std::uint32_t group, Visit&& visit) const {
    const std::uint32_t per_group = 1u << shard_bits_;
    const std::uint32_t first = (group - groups_.first) * per_group;
    for (std::uint32_t s = first; s < first + per_group; ++s) for_each_in(shards_[s], visit);
  }
  KeyGroupRange groups() const { return groups_; }

  /// A place in the table, for walks in steps. Holds while nothing is inserted or erased.
  struct Cursor {
    std::size_t shard = 0;
    std::uint32_t place = 0;
  };
  /// Calls visit(entry) for the next entries from the cursor on, so many at most.
  /// @return  false when there are no more
  template <class Visit>
  bool visit_some(Cursor& cursor, std::uint32_t count_max, Visit&& visit) const {
    for (; cursor.shard < shards_.size(); ++cursor.shard, cursor.place = 0) {
      const Shard& shard = shards_[cursor.shard];
      if (is_bare(shard)) continue;
      for (; cursor.place <= shard.mask; ++cursor.place) {
        std::uint8_t* const entry = entry_at(shard, cursor.place);
        if (is_empty(shard, entry)) continue;
        if (count_max-- == 0) return true;
        visit(entry);
      }
    }
    return false;
  }

 private:
  static constexpr std::uint32_t kShardsMin = 128;
  static constexpr std::uint32_t kCapacityMin = 8;
  static constexpr std::uint32_t kCapacityKept = 32;  ///< a shard does not shrink below that
  static constexpr std::uint32_t kSparseMax = 2048;   ///< places of a shard that is at most half full
  /// Larger entries are not looked at two at a time: the second would often be another cache line.
  static constexpr std::uint32_t kNearBytesMax = 32;
  /// Numbers of more than a byte are compared themselves, and enough of them are another shard's; else the hash stands
  /// before the key.
  static constexpr bool kKeepsHash = !kIsScalar<View> || sizeof(View) == 1;

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
  /// What an entry begins with.
  using Mark = std::conditional_t<kKeepsHash, std::uint64_t, View>;

  struct Shard {
    std::uint8_t* entries = nullptr;  ///< capacity places, and an empty one behind them
    std::uint32_t mask = 0;           ///< capacity - 1
    std::uint32_t room = 0;           ///< empty places that may still be filled
  };

  /// Of one kind of mark, with two places.
  std::size_t bare_words() const {
    return (2 * std::size_t{stride_} + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  }
  std::uint8_t* bare_places(bool is_other) const {
    return reinterpret_cast<std::uint8_t*>(bare_.get() + (is_other ? bare_words() : 0));
  }
  bool is_other(const Shard& shard) const {
    return static_cast<std::uint64_t>(&shard - shards_.data()) == other_shard_;
  }
  /// The mark of the shard's empty places.
  const Mark& empty_of(const Shard& shard) const { return is_other(shard) ? other_empty_ : empty_; }
  /// Nothing was inserted yet.
  bool is_bare(const Shard& shard) const { return shard.entries == bare_places(is_other(shard)); }
  void make_bare(Shard& shard) { shard = {bare_places(is_other(shard)), 0, 0}; }

  static std::uint32_t start_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  /// Few collisions while a shard is small, less memory when it is large.
  static std::uint32_t room_of(std::uint32_t capacity) {
    return capacity <= kSparseMax ? capacity / 2 : capacity / 4 * 3;
  }
  static Mark mark_of(const std::uint8_t* entry) {
    Mark mark;
    std::memcpy(static_cast<void*>(&mark), entry, sizeof mark);
    return mark;
  }
  bool is_empty(const Shard& shard, const std::uint8_t* entry) const { return same(mark_of(entry), empty_of(shard)); }
  static bool same(const Mark& a, const Mark& b) {
    if constexpr (kKeepsHash) {
      return a == b;
    } else {
      return key_equal(a, b);
    }
  }
  static Mark nth_mark(std::uint32_t n) {
    if constexpr (kKeepsHash) {
      return std::uint64_t{0} - n;
    } else if constexpr (std::is_floating_point_v<View>) {
      return static_cast<View>(n);
    } else {
      View mark{};
      std::memcpy(static_cast<void*>(&mark), &n, sizeof mark < sizeof n ? sizeof mark : sizeof n);
      return mark;
    }
  }
  std::uint64_t shard_of_mark(const Mark& mark) const {
    if constexpr (kKeepsHash) {
      return (mark >> 32) * shard_count_ >> 32;
    } else {
      return (key_hash(mark) >> 32) * shard_count_ >> 32;
    }
  }

  /// Errors: std::logic_error for a key that belongs to another subtask: key_by's function did not answer the same
  /// twice.
  const Shard& shard_of(std::uint64_t hash) const {
    const std::uint64_t at = ((hash >> 32) * shard_count_ >> 32) - first_shard_;
    if (at >= own_shards_) [[unlikely]]
      throw_foreign_key();
    return shards_[at];
  }
  Shard& shard_of(std::uint64_t hash) { return const_cast<Shard&>(std::as_const(*this).shard_of(hash)); }
  std::uint8_t* entry_at(const Shard& shard, std::uint32_t at) const {
    return shard.entries + std::size_t{at} * stride_;
  }

  /// The entry of the key, or the empty place where it would be.
  std::uint8_t* probe(const Shard& shard, std::uint64_t hash, const View& key) const {
    const Mark empty = empty_of(shard);
    for (std::uint32_t at = start_of(hash) & shard.mask;; at = (at + 1) & shard.mask) {
      std::uint8_t* entry = entry_at(shard, at);
      if constexpr (kKeepsHash) {
        const std::uint64_t mark = mark_of(entry);
        if (mark == hash && key_equal(reinterpret_cast<const Head*>(entry)->key(), key)) return entry;
        if (mark == empty) return entry;
      } else {
        const View mark = mark_of(entry);
        if (key_equal(mark, key) || key_equal(mark, empty)) return entry;
      }
    }
  }
  std::uint8_t* empty_place(const Shard& shard, std::uint64_t hash) const {
    for (std::uint32_t at = start_of(hash) & shard.mask;; at = (at + 1) & shard.mask) {
      if (std::uint8_t* entry = entry_at(shard, at); is_empty(shard, entry)) return entry;
    }
  }

  /// @param place  the empty one where probing ended
  [[gnu::noinline]] std::uint8_t* insert(Shard& shard, std::uint8_t* place, std::uint64_t hash, const View& key) {
    if (shard.room == 0) {
      grow(shard);
      place = empty_place(shard, hash);
    }
    // Until nothing can throw any more the place stays marked as empty.
    Head head{};
    head.set(hash, key);
    layout_.construct(place);
    ::new (place) Head(std::move(head));
    --shard.room;
    ++size_;
    return place;
  }

  void destroy_entry(std::uint8_t* entry) const {
    layout_.destroy(entry);
    reinterpret_cast<Head*>(entry)->~Head();
  }

  void relocate_entry(std::uint8_t* to, std::uint8_t* from) const {
    if (plain_) {
      std::memcpy(to, from, stride_);
      return;
    }
    ::new (to) Head(std::move(*reinterpret_cast<Head*>(from)));
    reinterpret_cast<Head*>(from)->~Head();
    layout_.relocate(to, from);
  }

  /// Moves up what would not be found behind a place that has become empty.
  void close_gap(Shard& shard, std::uint32_t gap) const {
    for (std::uint32_t at = (gap + 1) & shard.mask; !is_empty(shard, entry_at(shard, at)); at = (at + 1) & shard.mask) {
      std::uint8_t* entry = entry_at(shard, at);
      const std::uint32_t start = start_of(reinterpret_cast<const Head*>(entry)->hash()) & shard.mask;
      if (((at - start) & shard.mask) < ((at - gap) & shard.mask)) continue;
      relocate_entry(entry_at(shard, gap), entry);
      gap = at;
    }
    std::memcpy(entry_at(shard, gap), &empty_of(shard), sizeof(Mark));
  }

  /// Twice the places.
  void grow(Shard& shard) { resize(shard, is_bare(shard) ? kCapacityMin : 2 * (shard.mask + 1)); }

  /// An eighth of what may be filled, or less, is filled. Small shards stay as they are: keys that come and go must not
  /// cost an allocation each.
  static bool is_sparse(const Shard& shard) {
    return shard.mask + 1 > kCapacityKept && shard.room > room_of(shard.mask + 1) / 8 * 7;
  }

  /// Half of the places. Without memory for them the shard stays as it is.
  [[gnu::noinline]] void shrink(Shard& shard) {
    try {
      resize(shard, (shard.mask + 1) / 2);
    } catch (const std::bad_alloc&) {
    }
  }

  void resize(Shard& shard, std::uint32_t capacity) {
    const Mark empty = empty_of(shard);
    std::uint8_t* const entries = allocate_entries((std::size_t{capacity} + 1) * stride_);
    if (entries == nullptr) throw std::bad_alloc();
    for (std::uint32_t at = 0; at <= capacity; ++at)
      std::memcpy(entries + std::size_t{at} * stride_, &empty, sizeof empty);
    const Shard old = shard;
    const bool was_bare = is_bare(shard);
    shard = {entries, capacity - 1, room_of(capacity)};
    ++resizes_;
    if (was_bare) return;
    for (std::uint32_t at = 0; at <= old.mask; ++at) {
      std::uint8_t* const from = entry_at(old, at);
      if (same(mark_of(from), empty)) continue;
      relocate_entry(empty_place(shard, reinterpret_cast<const Head*>(from)->hash()), from);
      --shard.room;
    }
    std::free(old.entries);
  }

  template <class Visit>
  void for_each_in(const Shard& shard, Visit&& visit) const {
    if (is_bare(shard)) return;
    for (std::uint32_t at = 0; at <= shard.mask; ++at) {
      if (std::uint8_t* entry = entry_at(shard, at); !is_empty(shard, entry)) visit(entry);
    }
  }

  void clear_shard(Shard& shard) {
    if (is_bare(shard)) return;
    for_each_in(shard, [&](std::uint8_t* entry) { destroy_entry(entry); });
    std::free(shard.entries);
  }

  EntryLayout layout_;
  std::vector<Shard> shards_;
  KeyGroupRange groups_;
  std::uint64_t shard_count_ = 0;  ///< over all subtasks
  std::uint64_t first_shard_ = 0;
  std::uint64_t own_shards_ = 0;  ///< of this subtask
  std::uint32_t shard_bits_ = 0;  ///< shards per key group: 1 << shard_bits_
  std::uint32_t stride_ = 0;      ///< bytes of an entry
  bool plain_ = true;
  std::size_t next_offset_ = 0;  ///< of the second place that entry_near looks at
  std::size_t size_ = 0;
  std::uint64_t resizes_ = 0;
  EntryWatcher* watcher_ = nullptr;
  // Marks of empty places: a key of another shard. The first is a key of one shard, which has the other.
  Mark empty_{};
  Mark other_empty_{};
  std::uint64_t other_shard_ = 0;
  std::unique_ptr<std::uint64_t[]> bare_;
};

}  // namespace weir::detail
