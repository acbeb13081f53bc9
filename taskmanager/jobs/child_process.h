// A child of this process: started with exactly the descriptors and variables that it shall have, ended for certain.
#pragma once

#include <sys/types.h>

#include "common/async/executor.h"
#include "common/async/task.h"
#include "common/base/process_start.h"
#include "common/base/unique_fd.h"

namespace weir::taskmanager {

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
  /// Blocks for the milliseconds of fork and exec. Errors: those of start_process.
  static Result<ChildProcess> start(asio::any_io_executor executor, const ProcessSpec& spec);
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
