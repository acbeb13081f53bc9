#include "common/base/unique_fd.h"

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

}  // namespace weir
