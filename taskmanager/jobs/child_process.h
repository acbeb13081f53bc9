// A child of this process: started with exactly the descriptors and variables that it shall have, ended for certain.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/async/executor.h"
#include "common/async/task.h"
#include "common/base/unique_fd.h"

namespace weir::taskmanager {

/// What a child is started with.
struct ChildSpec {
  std::string executable;
  std::vector<std::string> arguments;    ///< with argv[0]
  std::vector<std::string> environment;  ///< "NAME=value", all of it
  int standard_input = -1;               ///< -1: /dev/null
  int standard_output = -1;
  int standard_error = -1;
  std::vector<int>
      inherited;  ///< descriptors above 2 that are open in the child, under the same numbers; all others are closed
};

/// How a child ended.
struct ExitStatus {
  bool by_signal = false;
  int number = 0;  ///< exit code or signal
  bool core_dumped = false;
};

/// Lives on: the control thread. Owned by whoever started it.
/// Promise: the child is in a process group of its own and is killed when the thread that started it ends
/// (PR_SET_PDEATHSIG follows the thread, so children are started from the control thread and from no pool). What has
/// not ended when this is destroyed is killed, with its group, and waited for.
class ChildProcess {
 public:
  /// Blocks for the milliseconds of fork and exec.
  /// Errors: io with the executable and the reason.
  static Result<ChildProcess> start(asio::any_io_executor executor, const ChildSpec& spec);
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  /// Waits for the end, kills what is left of the child's group, and takes its status. Once.
  /// Errors: resource_exhausted when no descriptor is left to wait with: the child has been ended then.
  Async<ExitStatus> wait();
  /// SIGKILL to the child and its group; nothing when it has ended.
  void kill();

  pid_t pid() const noexcept { return pid_; }
  bool has_ended() const noexcept {
    return reaped_;
  }  ///< as far as wait() knows; its pid may be another's from then on

 private:
  ChildProcess(asio::any_io_executor executor, pid_t pid, UniqueFd pidfd);
  void kill_group();
  ExitStatus reap();

  asio::any_io_executor executor_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  bool reaped_ = false;
};

}  // namespace weir::taskmanager
