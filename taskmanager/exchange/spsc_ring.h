// A bounded queue between two threads without locks.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace weir::taskmanager {

/// Single producer, single consumer; first in, first out.
/// Lives on: `push` one thread, `pop` one thread (may be the same), `count` any.
/// @tparam T  trivially copyable
template <class T>
class SpscRing {
 public:
  /// @param limit  entries it holds at most, at least 1
  explicit SpscRing(std::uint32_t limit)
      : limit_(limit), mask_(std::bit_ceil(limit) - 1), entries_(std::make_unique<T[]>(std::size_t{mask_} + 1)) {}

  /// @return  false, and nothing is stored, when it is full
  bool push(const T& entry) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ >= limit_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ >= limit_) return false;
    }
    entries_[tail & mask_] = entry;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// @return  false when it is empty
  bool pop(T& entry) noexcept {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    entry = entries_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Entries in it; a guess while the other side works.
  std::uint32_t count() const noexcept {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
  }
  std::uint32_t limit() const noexcept { return limit_; }

 private:
  // Set once
  const std::uint32_t limit_;
  const std::uint32_t mask_;
  const std::unique_ptr<T[]> entries_;
  // Producer
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  std::uint32_t head_seen_ = 0;
  // Consumer
  alignas(64) std::atomic<std::uint32_t> head_{0};
  std::uint32_t tail_seen_ = 0;
};

}  // namespace weir::taskmanager
