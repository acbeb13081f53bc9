// The way from the TaskManager to one worker: its process, its calls, its connections, and how it ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/byte_count.h"
#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "common/gateway/rpc_binding.h"
#include "common/plan/deployment.h"
#include "common/rpc/caller.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "taskmanager/artefacts/artefact_cache.h"
#include "taskmanager/jobs/worker_process.h"

namespace weir::proto {
class DeployRequest;
class TaskReport;
}  // namespace weir::proto
namespace weir::rpc {
class Connection;
class FdChannel;
}  // namespace weir::rpc

namespace weir::taskmanager {

/// Hears what becomes of tasks. Lives on: the control thread.
class TaskStatusListener {
 public:
  virtual ~TaskStatusListener() = default;
  virtual void on_task_status(const JobId& job, proto::TaskReport report) = 0;
};

/// What every job's worker needs of its TaskManager. Set once; the references outlive the workers.
struct WorkerHandleContext {
  asio::any_io_executor executor;
  BlockingPool& log_pool;  ///< for files in the log directory
  Clock& clock;
  ArtefactCache& artefacts;
  OutputFile& output;  ///< of all workers together
  TaskStatusListener& listener;
  const LeaderEpoch& epoch;  ///< goes on to the workers
  WorkerSettings process;
  rpc::Limits rpc_limits;
  std::string task_manager_id;
  std::string temporary_directory;
  std::uint32_t slots = 1;  ///< of this TaskManager
  ByteCount slot_memory;    ///< one slot's share, blocks included
  ByteCount slot_network;   ///< the part of it that is blocks
  std::uint64_t record_bytes_max = 16 << 20;
  std::uint32_t spin_us = 0;
  std::chrono::milliseconds silence_max{5'000};      ///< a started worker that says nothing for so long is killed
  std::chrono::nanoseconds start_timeout{};          ///< weir.worker.start-timeout
  std::chrono::nanoseconds cancellation_timeout{};   ///< task.cancellation.timeout; 0: none
  std::chrono::nanoseconds cancellation_interval{};  ///< task.cancellation.interval; 0: asked once
  std::chrono::nanoseconds counters_interval{};
};

/// Where a worker stands. It only goes forward.
enum class WorkerState : std::uint8_t {
  made,      ///< no process yet
  starting,  ///< the artefact is fetched, the process starts and rebuilds its plan
  running,   ///< it takes calls
  stopping,  ///< somebody ends it
  ended,     ///< the process, or there will be none
};

/// Starts one process for one job, once, and knows its end.
/// Lives on: the control thread. Owned by the worker's handle; `co_await close()` before destruction.
class WorkerLink {
 public:
  /// @param worker   the job and its generation
  /// @param number   of workers started by this TaskManager: in file names
  /// @param methods  what the worker may call; outlives this
  WorkerLink(const WorkerHandleContext& context, const plan::JobWorker& worker, std::uint64_t number,
             const rpc::MethodTable& methods);
  ~WorkerLink();

  /// Starts the process when this is the first call; all calls return when it runs, or cannot.
  /// @param terms  outlives the call
  /// @param share  of the memory, told to the worker
  /// Errors: what kept the artefact or the worker from coming, in words for the user.
  Async<Result<void>> start(const proto::DeployRequest& terms, ByteCount share, SteadyTime deadline);
  Async<void> wait_ended();
  /// Hands a consumer's connection to the worker, once it runs.
  /// Errors: unavailable when the worker ends before that.
  Async<Result<void>> give_connection(std::string hello, UniqueFd socket);
  /// SIGKILL; `reason` and `blame` are of the exit that is reported.
  void kill(std::string reason, Blame blame);
  /// Ends the process, whatever it does: asked first, killed after a second. Waits for that.
  Async<void> stop();
  /// After the end: waits for background work.
  Async<void> close();

  WorkerState state() const noexcept { return state_; }
  bool is_stopping() const noexcept { return is_stopping_; }
  /// While starting has got so far, and as long as the link lives.
  rpc::Caller& calls();
  const WorkerExit& exit() const noexcept { return exit_; }  ///< once ended
  std::uint64_t resident_bytes() const;
  pid_t process_id() const;  ///< -1 before the start
  const std::string& job_name() const noexcept { return job_name_; }

 private:
  Async<Result<void>> start_once(const proto::DeployRequest& terms, ByteCount share, SteadyTime deadline);
  Result<void> start_process();
  Async<Result<void>> call_start_worker(const proto::DeployRequest& terms, ByteCount share, SteadyTime deadline);
  Async<Result<void>> start_failure(Error error);
  Async<void> run_connection();
  Async<void> watch();

  // Set once
  const WorkerHandleContext& context_;
  const plan::JobWorker worker_;
  const std::uint64_t number_;
  const rpc::MethodTable& methods_;
  // Control thread only
  WorkerState state_ = WorkerState::made;
  bool is_stopping_ = false;
  std::string job_name_;
  ArtefactLease artefact_;
  std::unique_ptr<WorkerProcess> process_;
  std::unique_ptr<rpc::Connection> connection_;
  std::unique_ptr<rpc::FdChannel> channel_;
  WorkerExit exit_;
  Result<void> start_result_;
  bool sending_descriptor_ = false;
  Event start_done_;
  Event ended_;
  Event descriptor_sent_;
  TaskScope scope_;
};

/// The end of a worker as an error: exception, message and stack trace.
Error worker_ended(const WorkerExit& exit);

}  // namespace weir::taskmanager
