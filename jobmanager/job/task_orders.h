// What one job asks of TaskManagers: deploy, cancel, end; each asked until there is a reply or no more need.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/job/execution_graph.h"
#include "jobmanager/job/phase.h"
#include "jobmanager/scheduling/deployer.h"

namespace weir::jobmanager {

/// Hears what became of orders. Called on the control thread, never from inside the order.
class OrderListener {
 public:
  virtual ~OrderListener() = default;
  virtual void on_deployed(const DeploymentOutcome& outcome) = 0;
  /// Their TaskManager does not have these tasks. Each is the attempt that the order was about.
  virtual void on_gone(const std::vector<TaskIndex>& tasks) = 0;
  /// The job has no worker there any more; its slots are back in the pool.
  virtual void on_worker_ended(const TaskManagerId& id) = 0;
};

/// Sends a job's orders. An answer is about the attempts that were asked for: attempts that have been replaced since
/// are left out of it, so a late answer never touches a newer attempt. Lives on: the control thread. Owned by the job;
/// `co_await close()` before destruction. Promise: of a deployment every TaskManager's outcome is told once, unless the
/// TaskManager is lost or no attempt of it is current.
class TaskOrders {
 public:
  /// @param tasks   the job's book; outlives this, as do the others
  TaskOrders(DeploymentTerms terms, JobTimeouts timeouts, const ExecutionGraph& tasks,
             TaskManagerRegistry& task_managers, Clock& clock, asio::any_io_executor executor, OrderListener& listener);

  /// All have places. One message per TaskManager, and between two of them the control thread does other things.
  void deploy(std::vector<TaskIndex> tasks);
  void cancel(const std::vector<TaskIndex>& tasks);
  /// Ends the job's worker on this TaskManager, whatever runs in it.
  void end_worker(const TaskManagerId& id);
  Async<void> close() { co_await scope_.close(); }

  const plan::JobWorker& worker() const { return worker_; }

 private:
  /// An attempt that an order is about.
  struct Ordered {
    TaskIndex task;
    ExecutionId execution;
  };
  std::vector<Ordered> ordered(std::span<const TaskIndex> tasks) const;
  std::vector<TaskIndex> still_current(const std::vector<Ordered>& tasks) const;
  std::vector<TaskIndex> still_deploying(const std::vector<Ordered>& tasks) const;
  Async<void> deploy_all(std::shared_ptr<const Deployer> deployer, std::vector<TaskManagerTasks> dealt);
  Async<void> deploy_on(TaskManagerId id, std::shared_ptr<const Deployer> deployer, std::vector<Ordered> tasks);
  Async<DeploymentOutcome> ask_to_deploy(TaskManagerId id, std::shared_ptr<const Deployer> deployer,
                                         const std::vector<Ordered>& tasks);
  Async<void> cancel_on(TaskManagerId id, std::vector<Ordered> tasks);
  Async<void> end_on(TaskManagerId id);

  // Set once
  const DeploymentTerms terms_;
  const plan::JobWorker worker_;
  const JobTimeouts timeouts_;
  const ExecutionGraph& tasks_;
  TaskManagerRegistry& task_managers_;
  Clock& clock_;
  asio::any_io_executor executor_;
  OrderListener& listener_;
  // Control thread only
  std::unordered_set<ExecutionId> under_way_;  ///< in a deployment that has not been told to the listener
  TaskScope scope_;
};

}  // namespace weir::jobmanager
