// All jobs that have, had or get a worker on this TaskManager.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "taskmanager/jobs/worker_handle.h"

namespace weir::taskmanager {

/// Lives on: the control thread. Owned by the daemon; `co_await close()` before destruction.
class WorkerTable {
 public:
  explicit WorkerTable(const WorkerHandleContext& context);
  ~WorkerTable();

  /// Starts the watch over memory.
  void start();

  /// The worker that a deployment of this generation goes to: the job's, when it lives and is of this generation; else
  /// a new one, as soon as the process of an earlier one has ended.
  /// Errors: fenced: the job's worker is of a later generation.
  Async<Result<WorkerHandle*>> take(plan::JobWorker worker);
  WorkerHandle* find(const JobId& job);
  /// Ends the job's worker in the background; nothing for an unknown job.
  void end(const JobId& job);
  /// Waits until no worker of the job is on its way out.
  Async<void> wait_ended(JobId job);
  /// Ends all of them and waits.
  Async<void> close();

  /// Waits until the job has a worker. Errors: not_found when it has none at the deadline.
  Async<Result<void>> wait_for(JobId job, SteadyTime deadline);

  std::vector<plan::JobWorker> workers() const;
  /// Of all jobs, those that are not over.
  std::map<JobId, std::vector<ExecutionId>> live_executions() const;
  std::vector<proto::TaskCounters> counters() const;
  std::uint64_t resident_bytes() const;
  std::size_t ending() const noexcept { return ending_.size(); }

 private:
  Async<void> watch_memory();
  Async<void> end_one(std::uint64_t number);

  // Set once
  const WorkerHandleContext& context_;
  // Control thread only
  std::map<JobId, std::unique_ptr<WorkerHandle>> workers_;
  std::map<std::uint64_t, std::unique_ptr<WorkerHandle>> ending_;
  Event one_ended_;
  std::uint64_t started_ = 0;
  std::uint64_t ended_ = 0;
  Event changed_;
  TaskScope endings_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
