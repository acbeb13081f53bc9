// Timers of a keyed function: times and keys, each pair once.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "weir/bytes.h"
#include "weir/detail/owned.h"
#include "weir/key.h"
#include "weir/key_group.h"
#include "weir/serializer.h"

namespace weir::detail {

/// Lives on: the slot's thread.
template <class K>
class TimerQueue {
 public:
  using View = KeyView<K>;

  /// @return  true when it is now the earliest
  bool add(std::int64_t time_ms, std::uint64_t hash, const View& key) {
    const bool earliest = times_.empty() || time_ms < times_.begin()->first;
    Keys& keys = times_[time_ms];
    auto [at, last] = keys.equal_range(hash);
    for (; at != last; ++at) {
      if (key_equal(at->second.get(), key)) return false;
    }
    keys.emplace(hash, Owned<View>(key));
    ++count_;
    return earliest;
  }
  void remove(std::int64_t time_ms, std::uint64_t hash, const View& key) {
    const auto found = times_.find(time_ms);
    if (found == times_.end()) return;
    auto [at, last] = found->second.equal_range(hash);
    for (; at != last; ++at) {
      if (!key_equal(at->second.get(), key)) continue;
      found->second.erase(at);
      --count_;
      break;
    }
    if (found->second.empty()) times_.erase(found);
  }
  /// Takes out one timer whose time is at or before `time_ms`, earliest first.
  bool pop(std::int64_t time_ms, std::int64_t& due_ms, std::uint64_t& hash, Owned<View>& key) {
    if (times_.empty() || times_.begin()->first > time_ms) return false;
    const auto first = times_.begin();
    due_ms = first->first;
    const auto at = first->second.begin();
    hash = at->first;
    key = std::move(at->second);
    first->second.erase(at);
    --count_;
    if (first->second.empty()) times_.erase(first);
    return true;
  }
  bool empty() const { return times_.empty(); }
  std::int64_t earliest() const { return times_.begin()->first; }

  void snapshot(ByteWriter& out) const {
    out.put_varint(count_);
    for (const auto& [time_ms, keys] : times_) {
      for (const auto& [hash, key] : keys) {
        out.put(time_ms);
        encode_value(out, key.get());
      }
    }
  }
  /// Adds those timers whose key is in `groups`.
  bool restore(ByteReader& in, KeyGroupRange groups, std::uint32_t max_parallelism) {
    std::uint64_t count = 0;
    if (!in.get_varint(count)) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::int64_t time_ms = 0;
      View key{};
      if (!in.get(time_ms) || !decode_value(in, key)) return false;
      const std::uint64_t hash = key_hash(key);
      const std::uint32_t group = key_group_of(hash, max_parallelism);
      if (group >= groups.first && group < groups.last) add(time_ms, hash, key);
    }
    return true;
  }

 private:
  using Keys = std::unordered_multimap<std::uint64_t, Owned<View>>;
  std::map<std::int64_t, Keys> times_;
  std::uint64_t count_ = 0;
};

}  // namespace weir::detail
