#include "jobmanager/planner/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace weir::jobmanager {

namespace {

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
  constexpr int kFirstPassed = 3;
  ProcessSpec process;
  process.executable = spec.arguments[0];
  process.arguments = spec.arguments;
  process.environment = spec.environment;
  process.standard_output = spec.standard_output;
  process.standard_error = spec.standard_error;
  for (const int descriptor : spec.passed)
    process.passed.push_back({descriptor, kFirstPassed + static_cast<int>(process.passed.size())});
  process.own_session = true;
  process.limits = spec.limits;
  process.working_directory = "/";
  auto started = start_process(process);
  if (!started.ok()) return started.error();
  return Child(started->pid, std::move(started->pidfd));
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
