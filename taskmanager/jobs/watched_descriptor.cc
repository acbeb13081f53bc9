#include "taskmanager/jobs/watched_descriptor.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "common/base/unique_fd.h"

namespace weir::taskmanager {
namespace {

Error none_left(const std::string& why) {
  return Error::external(ErrorCode::resource_exhausted, "no descriptor is left to wait with: " + why);
}

}  // namespace

Result<boost::asio::posix::stream_descriptor> watch_duplicate(boost::asio::any_io_executor executor, int descriptor) {
  UniqueFd duplicate(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  if (!duplicate.valid()) return none_left(std::strerror(errno));
  boost::asio::posix::stream_descriptor watched(std::move(executor));
  boost::system::error_code problem;
  watched.assign(duplicate.get(), problem);
  if (problem) return none_left(problem.message());
  (void)duplicate.release();
  return watched;
}

}  // namespace weir::taskmanager
