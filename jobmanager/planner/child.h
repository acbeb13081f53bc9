// A child process in a session of its own, with limits, and nothing inherited but what it is given.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/process_start.h"
#include "common/base/unique_fd.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// A started child. Its session dies with this object at the latest.
/// Lives on: the thread that started it, which must outlive it: the kernel kills the child when that thread ends.
class Child {
 public:
  struct Spec {
    std::vector<std::string> arguments;    ///< [0] is the executable's path
    std::vector<std::string> environment;  ///< "NAME=value"
    ProcessLimits limits;
    int standard_output = -1;
    int standard_error = -1;
    std::vector<int> passed;  ///< become descriptors 3, 4, ... in the child
  };

  /// Errors: those of start_process.
  static Result<Child> start(const Spec& spec);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  /// Becomes readable when the child has ended.
  int pidfd() const { return pidfd_.get(); }
  /// Kills every process of the child's session, itself included; repeated until none is left, in bounds.
  void kill_session();
  /// Waits for the end of the child itself; blocks. @return the status as waitpid gives it
  int wait();

 private:
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
  bool is_waited_for_ = false;
  int status_ = 0;
};

/// The session of a process.
/// @param stat  its /proc/PID/stat, open for reading
/// @return -1 when the process has ended, also since the file was opened
pid_t session_in(int stat);

/// "signal 11 (SIGSEGV)".
std::string signal_text(int signal);

}  // namespace weir::jobmanager
