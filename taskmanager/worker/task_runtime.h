// The door between a worker's session with its TaskManager and the engine that runs tasks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {
class UniqueFd;
}
namespace weir::proto {
class CollectCountersReply;
class DeployTasksRequest;
class StartWorkerRequest;
class TaskReport;
}  // namespace weir::proto

namespace weir::taskmanager {

/// What the engine tells the worker. Lives on: any thread; calls return at once. Outlives the TaskRuntime.
class TaskRuntimeEvents {
 public:
  virtual ~TaskRuntimeEvents() = default;

  /// A task reached another state. Statuses of one task arrive in the order of the calls and none is lost; the last one
  /// of a task is FINISHED, CANCELED or FAILED (with `failure` filled in). `address` is the descriptor's, whole.
  virtual void on_task_status(proto::TaskReport report) = 0;
};

/// Runs the tasks of one job in one worker process. Lives on: the worker's control thread, which makes one call at a
/// time. Life cycle: start once, then any number of the others, stop last; destroyed after stop. Every thread that runs
/// user code makes a CrashStack (taskmanager/crash/crash_handler.h) first; what catches a user's exception asks
/// last_throw_stack() (taskmanager/crash/throw_place.h) for the failure's stack_trace.
class TaskRuntime {
 public:
  virtual ~TaskRuntime() = default;

  /// Opens the job's library, runs its build function and compares fingerprints. May block (user code runs): the
  /// TaskManager has a deadline and kills the worker that exceeds it. After an error only stop may be called. Errors:
  /// sentences for the user about the library or its build function.
  virtual Result<void> start(const proto::StartWorkerRequest& request) = 0;

  /// Builds the tasks and posts each to its slot's loop; the answer does not wait for them. All or none: an error means
  /// that none of them exists and that no status of them will come. Errors: a descriptor that the graph does not allow,
  /// a slot outside [0, slots).
  virtual Result<void> deploy(const proto::DeployTasksRequest& request) = 0;

  /// Asks tasks to stop between two batches; each then reports CANCELED. Unknown or finished executions are passed
  /// over.
  /// @param executions  16 bytes each
  virtual void cancel(const std::vector<std::string>& executions) = 0;

  /// A consumer dialled the data port for a slot of this job: the socket, non-blocking, after its 64-byte hello
  /// (docs/formats/data_frame.md). What fails from here on closes the socket and is the slot's business.
  virtual void accept_connection(UniqueFd socket, std::uint32_t slot) = 0;

  /// Adds one entry per task that is not over, with totals since the task's start.
  virtual void collect_counters(proto::CollectCountersReply& reply) = 0;

  /// Ends all slot loops and joins their threads; tasks that still run are dropped without a status. Waits for user
  /// code without a deadline: the process has one. No event is called after it returns.
  virtual void stop() = 0;
};

}  // namespace weir::taskmanager
