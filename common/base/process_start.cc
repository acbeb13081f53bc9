#include "common/base/process_start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/sanitizer.h"

namespace weir {
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

/// All that the child needs, made before the fork: after it only system calls are allowed.
struct Prepared {
  const ProcessSpec& spec;
  std::vector<char*> arguments = pointers(spec.arguments);
  std::vector<std::string> variables = with_sanitizer_options(spec.environment);
  std::vector<char*> environment = pointers(variables);
  std::vector<PassedDescriptor> placed;  ///< the standard ones and those that are passed, moved in the child
  int first_free = 3;                    ///< above every number in the child
  pid_t parent = ::getpid();
  int report = -1;  ///< carries errno when something goes wrong before the exec, which closes it
};

[[noreturn]] void fail_in_child(const Prepared& prepared) {
  const int error = errno;
  (void)!::write(prepared.report, &error, sizeof(error));
  ::_exit(127);
}

void set_limit(__rlimit_resource resource, std::uint64_t value, std::uint64_t hard_extra = 0) {
  const rlimit limit{value, value + hard_extra};
  ::setrlimit(resource, &limit);
}

void set_limits(const ProcessLimits& limits) {
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_CPU, limits.cpu_seconds, 1);  // SIGXCPU, which says why, comes before SIGKILL
  if (kLimitsAddressSpace) set_limit(RLIMIT_AS, limits.address_space_bytes);
  set_limit(RLIMIT_FSIZE, limits.file_bytes);
  set_limit(RLIMIT_NOFILE, limits.open_files);
}

void place_descriptors(Prepared& prepared) {
  // A descriptor may stand where another one is to go: first all of them out of the way.
  const int report = ::fcntl(prepared.report, F_DUPFD_CLOEXEC, prepared.first_free);
  if (report < 0) fail_in_child(prepared);
  prepared.report = report;
  for (PassedDescriptor& passed : prepared.placed) {
    passed.descriptor = ::fcntl(passed.descriptor, F_DUPFD_CLOEXEC, prepared.first_free);
    if (passed.descriptor < 0) fail_in_child(prepared);
  }
  // What a library opened without O_CLOEXEC is closed, too. Old kernels lack the call; then the flags have to do.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const PassedDescriptor& passed : prepared.placed) {
    if (::dup2(passed.descriptor, passed.number) < 0) fail_in_child(prepared);
  }
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_child(Prepared& prepared) {
  const ProcessSpec& spec = prepared.spec;
  if (spec.own_session) {
    ::setsid();
  } else {
    ::setpgid(0, 0);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != prepared.parent) ::_exit(127);  // the parent died before the line above
  place_descriptors(prepared);
  if (spec.limits) set_limits(*spec.limits);
  reset_signals();
  if (!spec.working_directory.empty() && ::chdir(spec.working_directory.c_str()) != 0) fail_in_child(prepared);
  ::execve(spec.executable.c_str(), prepared.arguments.data(), prepared.environment.data());
  fail_in_child(prepared);
}

/// fork with all signals blocked in both, and in the parent only as long as that takes.
pid_t fork_without_signals() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

/// Returns 0 when the exec has happened, else the errno of what failed.
int exec_outcome(int report) {
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(report, &error, sizeof(error));
  } while (size < 0 && errno == EINTR);
  return size == sizeof(error) ? error : 0;
}

void end_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<StartedProcess> start_process(const ProcessSpec& spec) {
  const UniqueFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> pipe_ends{-1, -1};
  if (!null_device.valid() || ::pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    return system_error("start " + spec.executable, errno);
  const UniqueFd report_in(pipe_ends[0]);
  UniqueFd report_out(pipe_ends[1]);

  Prepared prepared{.spec = spec, .placed = {}, .report = report_out.get()};
  int number = 0;
  for (const int standard : {spec.standard_input, spec.standard_output, spec.standard_error})
    prepared.placed.push_back({.descriptor = standard < 0 ? null_device.get() : standard, .number = number++});
  prepared.placed.insert(prepared.placed.end(), spec.passed.begin(), spec.passed.end());
  for (const PassedDescriptor& passed : prepared.placed)
    prepared.first_free = std::max(prepared.first_free, passed.number + 1);

  StartedProcess started;
  started.pid = fork_without_signals();
  if (started.pid == 0) become_child(prepared);
  if (started.pid < 0) return system_error("start another process for " + spec.executable, errno);
  report_out.reset(-1);
  started.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
  const int pidfd_error = errno;
  if (const int error = exec_outcome(report_in.get()); error != 0) {
    end_child(started.pid);
    return system_error("run " + spec.executable, error);
  }
  if (!started.pidfd.valid()) {
    end_child(started.pid);
    return system_error("watch a child process (Linux 5.3 or later is needed)", pidfd_error);
  }
  return started;
}

}  // namespace weir
