// A first-in-first-out queue that allocates only while it grows beyond what it ever held.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace weir::taskmanager {

/// Lives on: one thread. Its users bound what they put in; it has no limit of its own.
template <class T>
class GrowingQueue {
 public:
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  T& front() { return slots_[head_]; }
  T& back() { return (*this)[count_ - 1]; }
  T& operator[](std::size_t index) { return slots_[(head_ + index) & (slots_.size() - 1)]; }
  const T& operator[](std::size_t index) const { return slots_[(head_ + index) & (slots_.size() - 1)]; }

  void push_back(T value) {
    if (count_ == slots_.size()) grow();
    slots_[(head_ + count_) & (slots_.size() - 1)] = std::move(value);
    ++count_;
  }
  void pop_front() {
    head_ = (head_ + 1) & (slots_.size() - 1);
    --count_;
  }
  void clear() {
    head_ = 0;
    count_ = 0;
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 8 : slots_.size() * 2);
    for (std::size_t index = 0; index < count_; ++index) larger[index] = std::move((*this)[index]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // its size is 0 or a power of two
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace weir::taskmanager
