// Timers of a keyed function: times and keys, each pair once.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "weir/detail/owned.h"
#include "weir/key.h"

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
  bool is_due(std::int64_t time_ms) const { return !times_.empty() && times_.begin()->first <= time_ms; }
  bool empty() const { return times_.empty(); }
  std::int64_t earliest() const { return times_.begin()->first; }

  std::uint64_t size() const { return count_; }

  /// Calls visit(time_ms, hash, key) for each, earliest first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [time_ms, keys] : times_) {
      for (const auto& [hash, key] : keys) visit(time_ms, hash, key.get());
    }
  }

 private:
  using Keys = std::unordered_multimap<std::uint64_t, Owned<View>>;
  std::map<std::int64_t, Keys> times_;
  std::uint64_t count_ = 0;
};

}  // namespace weir::detail
