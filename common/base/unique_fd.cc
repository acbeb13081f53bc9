#include "common/base/unique_fd.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace weir {

void UniqueFd::reset(int fd) noexcept {
  const int kept_errno = errno;
  // Never again after EINTR: Linux has released the number by then, and another thread may have it.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  errno = kept_errno;
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace weir
