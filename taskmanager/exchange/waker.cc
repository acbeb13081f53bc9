#include "taskmanager/exchange/waker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/base/ensure.h"

namespace weir::taskmanager {

Waker::Waker() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ENSURE(event_.valid(), "no eventfd: {}", std::strerror(errno));
}

void Waker::ring() noexcept {
  // Whoever takes the flag down writes; the others spare the system call.
  if (!parked_.exchange(false, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(event_.get(), &one, sizeof one);  // fails only when it is readable anyway
}

void Waker::silence() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_.get(), &count, sizeof count);
}

}  // namespace weir::taskmanager
