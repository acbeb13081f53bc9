// Times at which operators of a task want to be called.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace weir::taskmanager {

/// Processing-time timers of one task, earliest first.
/// Lives on: the slot's thread.
class Timers {
 public:
  struct Timer {
    std::int64_t at_ms = 0;
    std::uint32_t node = 0;  ///< of the operator chain
    friend auto operator<=>(const Timer&, const Timer&) = default;
  };
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  void add(Timer timer) {
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  std::int64_t next_ms() const { return heap_.empty() ? kNever : heap_.front().at_ms; }
  /// Takes out the earliest timer that is due, and all its equals. @return  false when none is due
  bool take_due(std::int64_t now_ms, Timer& timer) {
    if (next_ms() > now_ms) return false;
    timer = heap_.front();
    while (!heap_.empty() && heap_.front() == timer) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
    }
    return true;
  }

 private:
  std::vector<Timer> heap_;
};

}  // namespace weir::taskmanager
