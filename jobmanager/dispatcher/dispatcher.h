// The table of jobs.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/history/finished_jobs.h"
#include "jobmanager/job/job.h"
#include "jobmanager/model/job_details.h"
#include "weir/result.h"

namespace weir::jobmanager {

struct DispatcherOptions {
  JobOptions job;
  FinishedJobLimits finished;
};

/// Starts jobs, finds them for those who have news of them, remembers them when they have ended.
/// Lives on: the control thread. Owned by the daemon. start() -> ... -> co_await close().
class Dispatcher final : public TaskManagerListener, public JobOwner {
 public:
  Dispatcher(asio::any_io_executor executor, Clock& clock, TaskManagerRegistry& task_managers, SlotPool& slots,
             ResourceDriver& resources, DispatcherOptions options);
  ~Dispatcher() override;

  void start();
  /// Drops all jobs: TaskManagers are told to end their workers; nobody waits for that here (the registry's close
  /// does).
  Async<void> close();

  /// Takes a job; it waits for slots from then on. Errors: already_exists.
  Result<void> submit(SubmittedJob planned);
  /// Begins to cancel. Errors: not_found; failed_precondition for a job that finished or failed.
  Result<void> cancel(const JobId& id);

  /// News of tasks; unknown jobs and tasks are ignored.
  /// Reports of tasks that this TaskManager was not given are dropped.
  void on_task_status(const TaskManagerId& from, const JobId& id, std::vector<TaskReport> reports);
  void on_counters(const TaskManagerId& from, const ExecutionId& execution, const TaskCounters& counters);

  /// What we believe that this TaskManager has.
  Belief belief_of(const TaskManagerId& id) const;
  /// It does not have these: they are over, FAILED, or CANCELED where they were to stop.
  void on_tasks_missing(const TaskManagerId& id, const std::vector<JobExecution>& missing);

  // TaskManagerListener
  void on_slots_available() override;
  void on_task_manager_lost(const TaskManagerId& id, const std::string& reason) override;
  // JobOwner
  void on_job_over(const JobId& id) override;

  bool knows(const JobId& id) const;
  /// Null for a job that is over and remembered, or unknown.
  const Job* find(const JobId& id) const;
  /// The same value until the job changes. Errors: not_found.
  Result<std::shared_ptr<const JobDetails>> details(const JobId& id) const;
  /// Of every job, running and remembered.
  std::vector<std::shared_ptr<const JobDetails>> all_details() const;
  /// Keys of the artefacts that running jobs were started from.
  std::set<std::string> blobs_in_use() const;
  /// Running and remembered ones, in order of submission. The same value until one of them changes.
  std::shared_ptr<const JobList> list() const;

 private:
  Job* find_job(const JobId& id);
  Async<void> retire(JobId id);
  Async<void> wake_waiting_jobs();
  Async<void> forget_old_jobs();

  // Set once
  asio::any_io_executor executor_;
  Clock& clock_;
  TaskManagerRegistry& task_managers_;
  SlotPool& slots_;
  ResourceDriver& resources_;
  const DispatcherOptions options_;
  // Control thread only
  TaskManagerFaults faults_;
  std::vector<std::unique_ptr<Job>> jobs_;  ///< in order of submission
  FinishedJobs finished_;
  std::uint64_t table_changes_ = 0;  ///< grows when a job leaves a table, by at least what it had changed
  mutable std::shared_ptr<const JobList> list_;
  mutable std::uint64_t list_changes_ = 0;  ///< of all jobs when list_ was made
  Event slots_changed_;
  bool closing_ = false;
  TaskScope scope_;
};

}  // namespace weir::jobmanager
