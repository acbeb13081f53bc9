#include "taskmanager/exchange/poller.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include "common/base/ensure.h"

namespace weir::taskmanager {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  ENSURE(epoll_.valid(), "no epoll: {}", std::strerror(errno));
}

bool Poller::watch(int fd, std::uint32_t events, PollWatcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return true;
  return errno == ENOENT && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::remove(int fd, PollWatcher* watcher) {
  if (fd >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int index = 0; index < ready_count_; ++index)
    if (ready_[static_cast<std::size_t>(index)].data.ptr == watcher)
      ready_[static_cast<std::size_t>(index)].data.ptr = nullptr;
}

int Poller::wait(std::int64_t timeout_us) {
  int count = 0;
  if (timeout_us > 0 && has_precise_wait_) {
    const timespec timeout{static_cast<time_t>(timeout_us / 1'000'000),
                           static_cast<long>(timeout_us % 1'000'000 * 1000)};
    count = ::epoll_pwait2(epoll_.get(), ready_.data(), kReadyMax, &timeout, nullptr);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
      has_precise_wait_ = false;
      return wait(timeout_us);
    }
  } else {
    const std::int64_t whole_ms = timeout_us < 0 ? -1 : (timeout_us + 999) / 1000;
    count = ::epoll_wait(epoll_.get(), ready_.data(), kReadyMax,
                         whole_ms > 3'600'000 ? 3'600'000 : static_cast<int>(whole_ms));
  }
  if (count <= 0) return 0;
  ready_count_ = count;
  for (int index = 0; index < ready_count_; ++index) {
    const auto& event = ready_[static_cast<std::size_t>(index)];
    if (event.data.ptr != nullptr) static_cast<PollWatcher*>(event.data.ptr)->on_ready(event.events);
  }
  ready_count_ = 0;
  return count;
}

}  // namespace weir::taskmanager
