// Waits for descriptors: a slot loop's epoll.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "common/base/unique_fd.h"

namespace weir::taskmanager {

/// Told when its descriptor is ready. Lives on: the slot's thread.
class PollWatcher {
 public:
  virtual ~PollWatcher() = default;
  /// @param events  EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP as epoll reports them
  virtual void on_ready(std::uint32_t events) = 0;
};

/// Level-triggered readiness of a set of descriptors.
/// Lives on: the slot's thread. A watcher is removed before it is destroyed; it may be, also inside on_ready.
class Poller {
 public:
  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Watches `fd`, or changes what it is watched for. A descriptor that was closed has gone by itself.
  /// @param events  EPOLLIN, EPOLLOUT, EPOLLONESHOT
  /// @return        false when the kernel refuses: the descriptor is of a kind that can't be waited for (a plain file)
  bool watch(int fd, std::uint32_t events, PollWatcher* watcher);
  void remove(int fd, PollWatcher* watcher);

  /// Waits until something is ready, at most `timeout_us` (0: only looks; negative: for ever), and tells the watchers.
  /// @return  how many were told
  int wait(std::int64_t timeout_us);

 private:
  static constexpr int kReadyMax = 64;

  UniqueFd epoll_;
  std::array<epoll_event, kReadyMax> ready_{};
  int ready_count_ = 0;
  bool has_precise_wait_ = true;  // epoll_pwait2, missing in some sandboxes
};

}  // namespace weir::taskmanager
