#include "taskmanager/jobs/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/sanitizer.h"
#include "common/base/try.h"
#include "taskmanager/jobs/watched_descriptor.h"

namespace weir::taskmanager {
namespace {

Error system_error(const std::string& doing, int error) {
  return Error::external(ErrorCode::io, fmt::format("cannot {}: {}", doing, std::strerror(error)));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// All that the child needs, made before the fork: after it only system calls are allowed.
struct Prepared {
  const ChildSpec& spec;
  std::vector<char*> arguments = pointers(spec.arguments);
  std::vector<std::string> variables = with_sanitizer_options(spec.environment);
  std::vector<char*> environment = pointers(variables);
  pid_t parent = ::getpid();
  int null_device = -1;
  int report = -1;  // close-on-exec: carries errno when something went wrong before the exec
};

[[noreturn]] void fail_in_child(const Prepared& prepared) {
  const int error = errno;
  (void)!::write(prepared.report, &error, sizeof(error));
  ::_exit(127);
}

void become_child(const Prepared& prepared) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != prepared.parent) ::_exit(127);  // the parent died before the line above
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_descriptors(const Prepared& prepared) {
  const std::array<int, 3> standard{prepared.spec.standard_input, prepared.spec.standard_output,
                                    prepared.spec.standard_error};
  for (int number = 0; number < 3; ++number) {
    const int from = standard[static_cast<std::size_t>(number)];
    if (::dup2(from < 0 ? prepared.null_device : from, number) < 0) fail_in_child(prepared);
  }
  // Whatever a library opened without O_CLOEXEC does not leak; old kernels lack the call, and then the flags have to
  // do.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const int descriptor : prepared.spec.inherited) {
    if (::fcntl(descriptor, F_SETFD, 0) != 0) fail_in_child(prepared);
  }
}

[[noreturn]] void run_child(const Prepared& prepared) {
  become_child(prepared);
  place_descriptors(prepared);
  ::execve(prepared.spec.executable.c_str(), prepared.arguments.data(), prepared.environment.data());
  fail_in_child(prepared);
}

// Returns 0 when the exec has happened, else the errno of what failed.
int exec_outcome(int report) {
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(report, &error, sizeof(error));
  } while (size < 0 && errno == EINTR);
  return size == sizeof(error) ? error : 0;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(asio::any_io_executor executor, const ChildSpec& spec) {
  const UniqueFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> pipe_ends{-1, -1};
  if (!null_device.valid() || ::pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    return system_error("start " + spec.executable, errno);
  const UniqueFd report_in(pipe_ends[0]);
  UniqueFd report_out(pipe_ends[1]);
  const Prepared prepared{.spec = spec, .null_device = null_device.get(), .report = report_out.get()};
  const pid_t pid = ::fork();
  if (pid == 0) run_child(prepared);
  if (pid < 0) return system_error("start another process for " + spec.executable, errno);
  report_out.reset(-1);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_error = errno;
  ChildProcess child(std::move(executor), pid, std::move(pidfd));
  if (const int error = exec_outcome(report_in.get()); error != 0) return system_error("run " + spec.executable, error);
  if (!child.pidfd_.valid()) return system_error("watch a child process (Linux 5.3 or later is needed)", pidfd_error);
  return child;
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
