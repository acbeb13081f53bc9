// A file descriptor with one owner.
#pragma once

#include <utility>

namespace weir {

/// Closes its descriptor at the end of its life.
/// Lives on: any thread (a value that moves). A default constructed one holds nothing.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(-1); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  explicit operator bool() const noexcept { return valid(); }
  /// Gives the descriptor to the caller, who closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes what it holds and takes `fd` (-1: nothing). errno is kept.
  void reset(int fd) noexcept;

 private:
  int fd_ = -1;
};

/// Lets this process, and those that it starts, open as many descriptors as the machine allows it: the usual limit of
/// 1,024 is fewer than the connections of a middling job. Does nothing where that is not allowed.
void raise_descriptor_limit() noexcept;

}  // namespace weir
