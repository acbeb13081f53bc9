// A daemon as a child process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::testing {

/// Started at construction, killed at destruction and with the thread that made it.
/// Lives on: one thread. Errors: std::runtime_error.
class DaemonProcess {
 public:
  /// @param command      program and arguments
  /// @param environment  "NAME=value" each; all that the daemon sees
  /// @param output_path  where stdout and stderr go
  DaemonProcess(std::vector<std::string> command, std::vector<std::string> environment, std::string output_path);
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;
  ~DaemonProcess();

  /// Asks once; "" while it runs, else "exit code 1" or "signal 9".
  std::string how_it_ended();
  /// SIGKILL, and waits for the end.
  void kill();
  /// SIGTERM, and SIGKILL when that does not end it in time.
  void terminate(std::chrono::milliseconds deadline);
  /// The last bytes of what it wrote.
  std::string console_end() const;

 private:
  const std::string output_path_;
  pid_t pid_ = -1;
  std::string end_;
};

/// The last `bytes_max` bytes of a file; empty when it cannot be read.
std::string end_of_file(const std::string& path, std::size_t bytes_max);

}  // namespace weir::testing
