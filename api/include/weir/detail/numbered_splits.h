// The splits of a source whose records have numbers: generators and collections.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/bytes.h"
#include "weir/key_group.h"
#include "weir/operator.h"
#include "weir/snapshot.h"

namespace weir::detail {

/// The numbers 0, 1, 2, ... dealt into a fixed count of splits: split k has k, k + count, k + 2 count, ... The count is
/// chosen when the job first starts and kept in its state, so that the splits stay the same at any parallelism; it is
/// at least the max parallelism. Lives on: the slot's thread. Owned by a reader.
class NumberedSplits {
 public:
  /// Takes the splits that this subtask owns, each where it was left. Errors: a state that is damaged or not whole.
  Result<void> open(OperatorContext& context) {
    const std::uint32_t parallelism = context.parallelism();
    step_ = parallelism;
    // A multiple of the parallelism: this subtask's numbers are equally far apart.
    count_ = (std::uint64_t{context.max_parallelism()} + parallelism - 1) / parallelism * parallelism;
    bool restored = false;
    if (context.restored() != nullptr) {
      for (const std::string_view item : context.restored()->items(kCountItem)) {
        ByteReader in(item);
        std::uint64_t count = 0;
        if (!in.get(count) || count == 0 || (restored && count != count_)) return damaged();
        count_ = count;
        restored = true;
      }
    }
    own_.clear();
    for (std::uint64_t k = 0; k < count_; ++k) {
      if (owner_of_split(kName, index_of(k), parallelism) == context.subtask_index()) own_.push_back({k, k});
    }
    if (restored) {
      std::size_t found = 0;
      for (const auto& [split, position] : context.restored()->positions()) {
        ByteReader in(position);
        const std::uint64_t number = split.index - index_of(0);
        const auto own = std::lower_bound(own_.begin(), own_.end(), number,
                                          [](const Own& one, std::uint64_t split) { return one.split < split; });
        if (split.name != kName || own == own_.end() || own->split != number || !in.get(own->next) ||
            own->next % count_ != own->split)
          return damaged();
        ++found;
      }
      if (found != own_.size()) return damaged();
    }
    begin();
    return {};
  }

  /// The least number that is still to come here, or one below it; UINT64_MAX when this subtask has none.
  std::uint64_t next() const { return next_; }

  /// Calls visit(n) for the next numbers below `end`, `room` at most, in ascending order.
  /// @return  how many there were
  template <class Visit>
  std::uint64_t take(std::uint64_t room, std::uint64_t end, Visit&& visit) {
    if (!even_) return take_uneven(room, end, visit);
    // Numbers of the loop's own: what visit writes might be a member, as far as the compiler knows.
    const std::uint64_t step = step_;
    const std::uint64_t left = next_ < end ? (end - next_ - 1) / step + 1 : 0;
    const std::uint64_t count = std::min(room, left);
    std::uint64_t number = next_;
    for (std::uint64_t i = 0; i < count; ++i, number += step) visit(number);
    next_ = number;
    return count;
  }

  /// One position per split: its next number.
  Result<void> snapshot(SnapshotContext& context) const {
    ByteWriter bytes;
    bytes.put(count_);
    context.add_item(kCountItem, Redistribution::union_list, bytes.view());
    for (const Own& own : own_) {
      bytes.clear();
      bytes.put(even_ ? next_ + (own.split + count_ - next_ % count_) % count_ : own.next);
      context.add_position({std::string(kName), index_of(own.split)}, bytes.view());
    }
    return {};
  }

 private:
  struct Own {
    std::uint64_t split;
    std::uint64_t next;  // kept up to date only while the splits are uneven
  };
  static constexpr std::string_view kName = "numbers";
  static constexpr std::string_view kCountItem = "count of splits";

  /// The index by which split k belongs to subtask k modulo parallelism: subtask i of p has i, i + p, i + 2 p, ...
  static std::uint64_t index_of(std::uint64_t split) { return split - hash_bytes(kName); }

  static Error damaged() { return Error::external(ErrorCode::corrupt, "the source's state is damaged or not whole"); }

  void begin() {
    if (own_.empty()) {
      next_ = UINT64_MAX;
      return;
    }
    const auto by_next = [](const Own& one, const Own& other) { return one.next < other.next; };
    const auto [least, most] = std::minmax_element(own_.begin(), own_.end(), by_next);
    even_ = count_ % step_ == 0 && most->next - least->next < count_;
    next_ = least->next;
    round_ = next_ / count_ * count_;
    at_ = 0;
  }

  template <class Visit>
  std::uint64_t take_uneven(std::uint64_t room, std::uint64_t end, Visit&& visit) {
    if (own_.empty()) return 0;
    std::uint64_t taken = 0;
    while (taken < room) {
      next_ = round_ + own_[at_].split;
      if (next_ >= end) break;
      // Splits that are ahead wait for the others.
      if (own_[at_].next == next_) {
        visit(next_);
        own_[at_].next += count_;
        ++taken;
      }
      if (++at_ == own_.size()) {
        at_ = 0;
        round_ += count_;
      }
    }
    next_ = round_ + own_[at_].split;
    return taken;
  }

  std::uint64_t count_ = 1;
  std::uint64_t step_ = 1;
  std::vector<Own> own_;  // by split
  /// The numbers of all splits together are next_, next_ + step_, ...
  bool even_ = false;
  std::uint64_t next_ = UINT64_MAX;
  std::uint64_t round_ = 0;  // number of split 0 in the round that is being dealt
  std::size_t at_ = 0;       // index of own_, in that round
};

}  // namespace weir::detail
