#include "testing/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/base/process_start.h"
#include "common/base/unique_fd.h"

namespace weir::testing {

namespace {

constexpr std::size_t kConsoleEndBytes = 2000;

}  // namespace

DaemonProcess::DaemonProcess(std::vector<std::string> command, std::vector<std::string> environment,
                             std::string output_path)
    : output_path_(std::move(output_path)) {
  const UniqueFd output(::open(output_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output.valid()) throw std::runtime_error("cannot open " + output_path_ + ": " + std::strerror(errno));
  ProcessSpec spec;
  spec.executable = command[0];
  spec.arguments = std::move(command);
  spec.environment = std::move(environment);
  spec.standard_output = output.get();
  spec.standard_error = output.get();
  spec.own_session = true;
  auto started = start_process(spec);
  if (!started.ok()) throw std::runtime_error(started.error().message);
  pid_ = started->pid;
}

DaemonProcess::~DaemonProcess() { kill(); }

std::string DaemonProcess::how_it_ended() {
  if (!end_.empty()) return end_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return {};
  end_ = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                             : "exit code " + std::to_string(WEXITSTATUS(status));
  return end_;
}

void DaemonProcess::kill() {
  if (!how_it_ended().empty()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  end_ = "signal 9";
}

void DaemonProcess::terminate(std::chrono::milliseconds deadline) {
  if (!how_it_ended().empty()) return;
  ::kill(pid_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (how_it_ended().empty() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  kill();
}

std::string DaemonProcess::console_end() const { return end_of_file(output_path_, kConsoleEndBytes); }

std::string end_of_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(file.tellg());
  std::string text(size < bytes_max ? size : bytes_max, '\0');
  file.seekg(static_cast<std::streamoff>(size - text.size()));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace weir::testing
