#include "jobmanager/planner/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/base/sanitizer.h"

namespace weir::jobmanager {

namespace {

constexpr int kFirstPassed = 3;

/// Everything that the child needs between fork and exec, made before the fork: only system calls are allowed there.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const Child::Spec* spec = nullptr;
  int null_fd = -1;
  int report_fd = -1;  ///< takes errno when something goes wrong; closed by a successful exec
  pid_t parent = 0;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

void set_limit(__rlimit_resource resource, std::uint64_t value, std::uint64_t hard_extra = 0) {
  rlimit limit{value, value + hard_extra};
  ::setrlimit(resource, &limit);
}

[[noreturn]] void give_up(int report_fd) {
  const int error = errno;
  [[maybe_unused]] auto written = ::write(report_fd, &error, sizeof error);
  ::_exit(127);
}

[[noreturn]] void become_child(const Prepared& prepared) {
  const Child::Spec& spec = *prepared.spec;
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != prepared.parent) ::_exit(127);  // The parent died before the line above.
  // Sources may stand where targets will: first all of them out of the way.
  const int high = kFirstPassed + static_cast<int>(spec.passed.size()) + 16;
  const int in = ::fcntl(prepared.null_fd, F_DUPFD, high);
  const int out = ::fcntl(spec.standard_output, F_DUPFD, high);
  const int err = ::fcntl(spec.standard_error, F_DUPFD, high);
  const int report = ::fcntl(prepared.report_fd, F_DUPFD, high);
  int moved[8];
  for (std::size_t i = 0; i < spec.passed.size(); ++i) moved[i] = ::fcntl(spec.passed[i], F_DUPFD, high);
  if (in < 0 || out < 0 || err < 0 || report < 0) give_up(prepared.report_fd);
  int next = kFirstPassed;
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) give_up(report);
  for (std::size_t i = 0; i < spec.passed.size(); ++i) {
    if (::dup2(moved[i], next++) < 0) give_up(report);
  }
  if (::dup2(report, next) < 0) give_up(report);
  ::fcntl(next, F_SETFD, FD_CLOEXEC);
  ::syscall(SYS_close_range, next + 1, ~0u, 0);

  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_CPU, spec.limits.cpu_seconds, 1);  // SIGXCPU, which tells why, comes before SIGKILL.
  if (kLimitsAddressSpace) set_limit(RLIMIT_AS, spec.limits.address_space_bytes);
  set_limit(RLIMIT_FSIZE, spec.limits.file_bytes);
  set_limit(RLIMIT_NOFILE, spec.limits.open_files);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir("/") != 0) give_up(next);
  ::execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
  give_up(next);
}

Error system_error(std::string what, int error) {
  return Error::external(ErrorCode::io, fmt::format("{}: {}", what, ::strerror(error)));
}

pid_t session_of(const char* pid) {
  UniqueFd stat(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  return stat ? session_in(stat.get()) : -1;
}

std::vector<pid_t> processes_of_session(pid_t session) {
  std::vector<pid_t> found;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* entry = ::readdir(proc)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (session_of(entry->d_name) == session) found.push_back(static_cast<pid_t>(std::atoi(entry->d_name)));
  }
  ::closedir(proc);
  return found;
}

}  // namespace

pid_t session_in(int stat) {
  // No stream: they throw when the process ends between opening and reading.
  char text[1024];
  const ssize_t count = ::read(stat, text, sizeof text - 1);
  if (count <= 0) return -1;
  text[count] = '\0';
  const char* bracket = ::strrchr(text, ')');  // the name before it may contain anything
  if (bracket == nullptr) return -1;
  char state = 0;
  int parent = 0, group = 0, session = 0;
  if (std::sscanf(bracket + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4) return -1;
  return state == 'Z' ? -1 : session;
}

Result<Child> Child::start(const Spec& spec) {
  if (spec.passed.size() > 8) return Error::internal("too many descriptors for a child");
  UniqueFd null_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int report[2];
  if (!null_fd || ::pipe2(report, O_CLOEXEC) != 0) return system_error("cannot start a child process", errno);
  UniqueFd report_read(report[0]), report_write(report[1]);
  const std::vector<std::string> environment = with_sanitizer_options(spec.environment);
  Prepared prepared{
      pointers(spec.arguments), pointers(environment), &spec, null_fd.get(), report_write.get(), ::getpid()};

  // Signals stay blocked until the child has default handlers: ours must not run in it.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become_child(prepared);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return system_error("cannot start a child process", fork_error);

  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_error = errno;
  Child child(pid, std::move(pidfd));
  if (!child.pidfd_) return system_error("cannot watch a child process", pidfd_error);
  report_write.reset(-1);
  int error = 0;
  if (::read(report_read.get(), &error, sizeof error) == sizeof error)
    return system_error("cannot run " + spec.arguments[0], error);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      is_waited_for_(other.is_waited_for_),
      status_(other.status_) {}

Child::~Child() {
  if (pid_ < 0) return;
  kill_session();
  wait();
}

void Child::kill_session() {
  if (is_waited_for_) return;  // The number may be another process's by now.
  // A process that forks faster than it is killed is outrun by killing the group in one call; the bound keeps us from
  // running for ever.
  for (int round = 0; round < 100; ++round) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    const auto left = processes_of_session(pid_);
    if (left.empty()) return;
    for (pid_t process : left) ::kill(process, SIGKILL);
    ::usleep(1'000);
  }
}

int Child::wait() {
  if (is_waited_for_) return status_;
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  is_waited_for_ = true;
  return status_;
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("signal {} (SIG{})", signal, name);
}

}  // namespace weir::jobmanager
