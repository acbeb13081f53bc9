#include "taskmanager/jobs/child_process.h"

#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/redirect_error.hpp>

#include <cerrno>
#include <utility>

#include "common/base/try.h"
#include "taskmanager/jobs/watched_descriptor.h"

namespace weir::taskmanager {

Result<ChildProcess> ChildProcess::start(asio::any_io_executor executor, const ProcessSpec& spec) {
  TRY(auto started, start_process(spec));
  return ChildProcess(std::move(executor), started.pid, std::move(started.pidfd));
}

ChildProcess::ChildProcess(asio::any_io_executor executor, pid_t pid, UniqueFd pidfd)
    : executor_(std::move(executor)), pid_(pid), pidfd_(std::move(pidfd)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : executor_(std::move(other.executor_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      reaped_(std::exchange(other.reaped_, true)) {}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  kill();
  reap();
}

Async<ExitStatus> ChildProcess::wait() {
  auto watched = watch_duplicate(executor_, pidfd_.get());
  if (!watched.ok()) {
    // Nobody would hear of its end: it ends now.
    kill();
    reap();
    co_return watched.error().within("a child process was ended because its end could not be waited for");
  }
  boost::system::error_code error;
  co_await watched->async_wait(asio::posix::stream_descriptor::wait_read,
                               asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return Error::internal("the wait for a child process ended early: " + error.message());
  co_return reap();
}

void ChildProcess::kill() {
  if (reaped_) return;
  kill_group();
  ::kill(pid_, SIGKILL);  // it may not have become the leader of its group yet
}

void ChildProcess::kill_group() { ::kill(-pid_, SIGKILL); }

ExitStatus ChildProcess::reap() {
  // Before the child is reaped, its group cannot be somebody else's.
  kill_group();
  siginfo_t information{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED) != 0 && errno == EINTR) {
  }
  reaped_ = true;
  return {.by_signal = information.si_code == CLD_KILLED || information.si_code == CLD_DUMPED,
          .number = information.si_status,
          .core_dumped = information.si_code == CLD_DUMPED};
}

}  // namespace weir::taskmanager
