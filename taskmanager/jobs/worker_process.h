// The process of one job worker: how it is started, what it prints, and how it ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/unique_fd.h"
#include "taskmanager/jobs/child_process.h"
#include "taskmanager/jobs/output_file.h"
#include "taskmanager/jobs/output_pump.h"

namespace weir::taskmanager {

/// What is the same for all workers of a TaskManager. Set once.
struct WorkerSettings {
  std::string executable;                ///< the TaskManager's own program
  std::vector<std::string> environment;  ///< "NAME=value", all that a worker sees
  std::string output_prefix;             ///< "<log directory>/<stem>": a worker's output is in `<prefix>-<name>.out`
  std::uint64_t output_bytes_max = 64 << 20;  ///< of one worker's file and its predecessor
};

/// How a worker ended, for people.
struct WorkerExit {
  std::string exception;    ///< what happened: "worker killed by signal 11 (SIGSEGV)", "worker exited with code 3"
  std::string message;      ///< details: the fault, hints, last lines on stderr
  std::string stack_trace;  ///< empty when the worker could not say
  Blame blame = Blame::user;
};

/// Lives on: the control thread. Owned by the job's worker; `wait_exit` awaited, then `close`, before destruction.
class WorkerProcess {
 public:
  /// Starts `<executable> --worker ...` with a socket pair for calls, one for sockets, pipes for its output and a file
  /// for its crash report. Nothing secret is in its arguments.
  /// @param name     in the output file's name and for ps: "<job id>-<count>"
  /// @param output   also gets everything that is printed; outlives this
  /// Errors: io.
  static Result<std::unique_ptr<WorkerProcess>> start(asio::any_io_executor executor, BlockingPool& pool, Clock& clock,
                                                      const WorkerSettings& settings, const std::string& name,
                                                      OutputFile& output);
  ~WorkerProcess();

  /// Our ends of the two socket pairs; once each.
  UniqueFd take_call_socket() { return std::move(call_socket_); }
  UniqueFd take_descriptor_socket() { return std::move(descriptor_socket_); }

  /// Waits for the process's end, its output's end and its crash report. Once.
  Async<WorkerExit> wait_exit();
  /// SIGKILL.
  /// @param reason  why we did it, for WorkerExit.message: "it used 3 GB, its share is 2 GB"; empty when it was asked
  /// to end and did not
  /// @param blame   whose doing the reason is, for WorkerExit.blame
  void kill(std::string reason, Blame blame);
  /// Ends background work. After wait_exit.
  Async<void> close();

  /// Resident memory now, 0 when the process has ended.
  std::uint64_t resident_bytes() const;
  pid_t pid() const noexcept { return child_.pid(); }

 private:
  struct Parts;
  WorkerProcess(asio::any_io_executor executor, BlockingPool& pool, Clock& clock, const WorkerSettings& settings,
                const std::string& name, OutputFile& output, Parts parts);
  Async<void> drain();
  Async<void> pump(OutputPump& pump);
  Async<WorkerExit> explain(ExitStatus status);

  // Set once
  asio::any_io_executor executor_;
  Clock& clock_;
  const std::string executable_;
  ChildProcess child_;
  UniqueFd call_socket_;
  UniqueFd descriptor_socket_;
  UniqueFd crash_report_;
  // Control thread only
  OutputFile own_output_;
  OutputPump stdout_pump_;
  OutputPump stderr_pump_;
  std::string kill_reason_;
  Blame kill_blame_ = Blame::user;
  bool killed_ = false;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
