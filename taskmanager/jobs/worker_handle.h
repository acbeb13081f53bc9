// What the TaskManager knows of one job: its worker process, the tasks in it, and what is to become of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/byte_count.h"
#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "common/gateway/rpc_binding.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "taskmanager/artefacts/artefact_cache.h"
#include "taskmanager/jobs/worker_process.h"

namespace weir::proto {
class DeployRequest;
class TaskCounters;
class TaskDescriptor;
class TaskReport;
class WorkerLogReply;
class WorkerLogRequest;
class WorkerStatusReply;
class WorkerStatusRequest;
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

/// Life cycle: made -> deploy (which starts the process) -> the process ends, or end() ends it. One process in its
/// life. Lives on: the control thread. Owned by WorkerTable; `co_await end()` before destruction. Promise: a task that
/// was taken is reported to its end, FINISHED, CANCELED or FAILED, whatever happens to the process; only end() drops
/// what is left without a word.
class WorkerHandle {
 public:
  WorkerHandle(const WorkerHandleContext& context, const JobId& job, std::uint64_t number);
  ~WorkerHandle();

  /// Starts the process when this is the first call, then hands the tasks over. Tasks that are known already are passed
  /// over.
  /// @param slot_count  slots of this job here: they make its share of the memory
  /// Errors: what kept the artefact or the worker from coming, in words for the user; failed_precondition after the
  /// process's end.
  Async<Result<void>> deploy(std::shared_ptr<const proto::DeployRequest> request, std::uint32_t slot_count,
                             SteadyTime deadline);
  /// Asks tasks to stop; a task that has not after the cancellation time-out costs the process. Unknown ones that may
  /// still come with a deployment under way are remembered.
  void cancel(const std::vector<ExecutionId>& executions);
  /// Ends the process, whatever it does: asked first, killed after a second. Waits for it and for all calls under way.
  Async<void> end();

  /// Hands a consumer's connection to the worker, once it runs.
  /// Errors: unavailable when the worker ends before that.
  Async<Result<void>> give_connection(std::string hello, UniqueFd socket);

  /// Kills the process when it uses more than its share.
  void check_memory();

  bool has_ended() const noexcept { return has_ended_; }  ///< the process, or there will be none
  bool has_tasks() const noexcept { return !tasks_.empty(); }
  std::uint64_t resident_bytes() const;
  pid_t process_id() const;  ///< -1 before the start
  const std::vector<proto::TaskCounters>& counters() const noexcept { return counters_; }

 private:
  struct Task;
  class Use;

  Async<Result<void>> ensure_started(const proto::DeployRequest& request, std::uint32_t slot_count,
                                     SteadyTime deadline);
  Async<Result<void>> start(const proto::DeployRequest& request, std::uint32_t slot_count, SteadyTime deadline);
  Result<void> start_process();
  Async<Result<void>> call_start_worker(const proto::DeployRequest& request, SteadyTime deadline);
  Async<Result<void>> start_failure(Error error);
  std::vector<proto::TaskDescriptor> take_new_tasks(const proto::DeployRequest& request);

  void serve_worker();
  Async<proto::WorkerStatusReply> on_worker_status(proto::WorkerStatusRequest request);
  Async<proto::WorkerLogReply> on_worker_log(proto::WorkerLogRequest request);
  Async<void> run_connection();
  Async<void> watch();
  Async<void> collect_counters();
  Async<void> send_cancel(std::vector<ExecutionId> executions);
  Async<void> enforce_cancel(std::vector<ExecutionId> executions);
  void ask_again(const std::vector<ExecutionId>& executions, std::chrono::nanoseconds waited);
  Async<void> stop_process();
  void log_exit(const WorkerExit& exit) const;
  void report_all(const WorkerExit& exit);
  void report_canceled(const proto::TaskDescriptor& descriptor);
  bool is_over(const ExecutionId& execution) const;
  std::string process_name() const;

  // Set once
  const WorkerHandleContext& context_;
  const JobId job_;
  const std::uint64_t number_;  // of workers started by this TaskManager: in file names
  std::string job_name_;
  rpc::MethodTable methods_;
  // Control thread only
  ByteCount share_;
  std::uint32_t slot_count_ = 0;
  ArtefactLease artefact_;
  std::unique_ptr<WorkerProcess> process_;
  std::unique_ptr<rpc::Connection> connection_;
  std::unique_ptr<rpc::FdChannel> channel_;
  std::map<ExecutionId, Task> tasks_;
  std::set<ExecutionId> cancelled_early_;
  std::vector<proto::TaskCounters> counters_;
  WorkerExit exit_;
  Result<void> start_result_;
  bool start_begun_ = false;
  bool is_ending_ = false;
  bool has_ended_ = false;
  bool sending_descriptor_ = false;
  int uses_ = 0;
  Event start_done_;
  Event ended_;
  Event unused_;
  Event descriptor_sent_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
