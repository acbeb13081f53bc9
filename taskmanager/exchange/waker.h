// How one thread ends the sleep of a slot's loop, and how that loop says that it sleeps.
#pragma once

#include <atomic>

#include "common/base/unique_fd.h"

namespace weir::taskmanager {

/// The bell of one slot's loop.
/// Lives on: `park` and `unpark` the slot's thread, the rest any thread. Owned by the loop; outlives all who ring it.
/// Promise: what was published before `wake_if_parked` is seen by the loop before it sleeps, or ends its sleep. The
/// loop keeps its half by looking for work once more between `park` and the sleep.
class Waker {
 public:
  Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// An eventfd that is readable after a ring; for the loop's poller.
  int fd() const noexcept { return event_.get(); }

  /// Costs a fence and a load when the loop is awake.
  void wake_if_parked() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (parked_.load(std::memory_order_relaxed)) ring();
  }

  void park() noexcept {
    parked_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void unpark() noexcept { parked_.store(false, std::memory_order_relaxed); }
  /// Takes the rings out of the eventfd.
  void silence() noexcept;

 private:
  void ring() noexcept;

  UniqueFd event_;
  alignas(64) std::atomic<bool> parked_{false};
};

}  // namespace weir::taskmanager
