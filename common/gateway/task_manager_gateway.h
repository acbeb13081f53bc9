// The door into a TaskManager: what the JobManager asks of it. docs/life_of_a_job.md tells when.
#pragma once

#include "common/async/clock.h"
#include "common/async/task.h"

namespace weir::proto {
class DeployRequest;
class DeployReply;
class CancelTasksRequest;
class CancelTasksReply;
class EndJobRequest;
class EndJobReply;
class ListLogsRequest;
class ListLogsReply;
class ReadLogRequest;
class ReadLogReply;
}  // namespace weir::proto

namespace weir {

/// The verbs of one TaskManager. Made by: the RPC binding (in the JobManager), the TaskManager's control service, a
/// simulation. Lives on: the control thread. Errors of every verb: unavailable, deadline_exceeded and what the verb
/// itself says.
class TaskManagerGateway {
 public:
  virtual ~TaskManagerGateway() = default;

  /// Starts tasks: the artefact is fetched and the worker started when need be. Answers when the worker has taken the
  /// tasks; how they fare is told by task statuses. The same tasks twice are started once.
  virtual Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime deadline) = 0;
  /// Asks tasks to stop; each answers with its status. Unknown executions are ignored.
  virtual Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime deadline) = 0;
  /// Ends the job's worker, whatever it does, and frees its slots. Answers at once; an unknown job is no error.
  virtual Async<proto::EndJobReply> end_job(proto::EndJobRequest request, SteadyTime deadline) = 0;
  /// The log files that read_log can read.
  virtual Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest request, SteadyTime deadline) = 0;
  /// Errors: not_found.
  virtual Async<proto::ReadLogReply> read_log(proto::ReadLogRequest request, SteadyTime deadline) = 0;
};

}  // namespace weir
