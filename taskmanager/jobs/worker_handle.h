// One job's worker on this TaskManager: deployments and orders to stop go in, statuses come out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/async/event.h"
#include "common/async/task_scope.h"
#include "common/async/turns.h"
#include "common/base/byte_count.h"
#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "common/plan/deployment.h"
#include "common/rpc/method_table.h"
#include "taskmanager/jobs/cancellation.h"
#include "taskmanager/jobs/execution_ledger.h"
#include "taskmanager/jobs/worker_link.h"

namespace weir::proto {
class DeployRequest;
class TaskCounters;
class WorkerLogReply;
class WorkerLogRequest;
class WorkerStatusReply;
class WorkerStatusRequest;
}  // namespace weir::proto

namespace weir::taskmanager {

/// The tasks of one deployment that run here.
/// Errors: invalid_argument: a table, ranges or execution ids that make no sense.
Result<std::vector<Execution>> executions_of(const proto::DeployRequest& request);

/// Joins the process (WorkerLink) and the book of its executions (ExecutionLedger).
/// Life cycle: made -> deploy, any number of times -> the process ends, or end() ends it. One process in its life.
/// Lives on: the control thread. Owned by WorkerTable; `co_await end()` before destruction.
/// Promise: a task that was taken is reported to its end, FINISHED, CANCELED or FAILED, whatever happens to the
/// process; only end() drops what is left without a word.
class WorkerHandle final : private CancelActions {
 public:
  WorkerHandle(const WorkerHandleContext& context, const plan::JobWorker& worker, std::uint64_t number);
  ~WorkerHandle() override;

  /// Starts the process when this is the first call, then hands the tasks over. Tasks that are known already are passed
  /// over. Deployments are taken one after the other, so a repeated one returns what became of the first.
  /// @param executions  of `request`
  /// @param slot_count  slots of this job here from now on: they make its share of the memory
  /// Errors: deadline_exceeded: the worker has not replied, and may run the tasks; they stay in the book. Any other:
  /// the new tasks do not exist, because of what kept the artefact or the worker from coming, in words for the user;
  /// because the worker refused them; or because its graph is another one.
  Async<Result<void>> deploy(std::shared_ptr<const proto::DeployRequest> request, std::vector<Execution> executions,
                             std::uint32_t slot_count, SteadyTime deadline);
  /// Asks tasks to stop; a task that has not after the cancellation time-out costs the process.
  /// @return  those that do not exist here
  std::vector<ExecutionId> cancel(const std::vector<ExecutionId>& executions);
  /// Ends the process, whatever it does: asked first, killed after a second. Waits for it and for all calls under way.
  Async<void> end();

  /// Hands a consumer's connection to the worker, once it runs.
  /// Errors: unavailable when the worker ends before that.
  Async<Result<void>> give_connection(std::string hello, UniqueFd socket);

  /// Kills the process when it uses more than its share.
  void check_memory();

  const plan::JobWorker& worker() const noexcept { return worker_; }
  bool has_ended() const noexcept { return link_.state() == WorkerState::ended; }
  bool has_live_tasks() const { return ledger_.has_live(); }
  std::vector<ExecutionId> live_executions() const { return ledger_.live(); }
  bool has_live_tasks_in(std::uint32_t slot) const { return ledger_.has_live_in(slot); }
  std::uint64_t resident_bytes() const { return link_.resident_bytes(); }
  pid_t process_id() const { return link_.process_id(); }  ///< -1 before the start
  const std::vector<proto::TaskCounters>& counters() const noexcept { return counters_; }

 private:
  class Use;

  Async<Result<void>> deploy_new(const proto::DeployRequest& request, const std::vector<Execution>& taken,
                                 SteadyTime deadline);
  Async<Result<void>> hand_over(const proto::DeployRequest& request, const std::vector<Execution>& tasks,
                                SteadyTime deadline);
  Result<void> check_graph(const proto::DeployRequest& request);
  void serve_worker();
  Async<proto::WorkerStatusReply> on_worker_status(proto::WorkerStatusRequest request);
  Async<proto::WorkerLogReply> on_worker_log(proto::WorkerLogRequest request);
  Async<void> report_end();
  Async<void> collect_counters();
  Async<void> send_cancel(std::vector<ExecutionId> executions) override;
  void give_up(std::size_t stuck) override;
  void log_exit(const WorkerExit& exit) const;
  void report_lost(const WorkerExit& exit);
  void report_canceled(const Execution& execution);

  // Set once
  const WorkerHandleContext& context_;
  const plan::JobWorker worker_;
  rpc::MethodTable methods_;
  // Control thread only
  ByteCount share_;
  std::uint32_t slot_count_ = 0;
  std::string graph_digest_;  // empty before the first deployment
  WorkerLink link_;
  ExecutionLedger ledger_;
  std::vector<proto::TaskCounters> counters_;
  bool is_watched_ = false;
  bool is_ending_ = false;
  int uses_ = 0;
  Event unused_;
  Event end_reported_;
  Turns turns_;  // of deployments
  Cancellation cancellation_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
