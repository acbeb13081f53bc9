// One job from its submission to its end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "common/plan/job_graph.h"
#include "jobmanager/cluster/resource_driver.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/job/details_cache.h"
#include "jobmanager/job/phase.h"
#include "jobmanager/job/slot_leases.h"
#include "jobmanager/job/task_orders.h"
#include "jobmanager/scheduling/deployer.h"
#include "jobmanager/scheduling/placement.h"
#include "jobmanager/scheduling/task_manager_faults.h"

namespace weir::jobmanager {

/// What the user asked for: it stays what it is as long as the job lives. A job graph is made of it, and may be made
/// anew, at another parallelism.
struct JobSubmission {
  JobId id;
  plan::Plan plan;
  Artefact artefact;
  std::map<std::string, std::string> configuration;      ///< job keys, after layering
  std::map<std::string, std::string> global_parameters;  ///< pipeline.global-job-parameters, secrets redacted
  int parallelism = 1;                                   ///< default of its operators
  std::vector<std::string> warnings;                     ///< what was accepted and has no effect; a sentence each
};

/// A submission with the graph to begin with.
struct SubmittedJob {
  JobSubmission submission;
  plan::JobGraph graph;
};

struct JobOptions {
  std::uint64_t epoch = 1;  ///< of this leader
  /// What a job begins with.
  std::unique_ptr<Phase> (*first_phase)(PhaseContext&) = make_waiting_phase;
  JobTimeouts timeouts;
  SlotChoice slot_choice = SlotChoice::pack;
  std::size_t exceptions_max = 16;  ///< web.exception-history-size
  std::string blob_address;         ///< told to TaskManagers
};

/// What a job needs of the cluster. The references outlive the job.
struct ClusterParts {
  TaskManagerRegistry& task_managers;
  SlotPool& slots;
  TaskManagerFaults& faults;
  ResourceDriver& resources;
};

/// Hears when a job ends. Called on the control thread; must not destroy the job from inside.
class JobOwner {
 public:
  virtual ~JobOwner() = default;
  virtual void on_job_over(const JobId& id) = 0;
};

/// Forwards what it hears to its current phase and does what the phase asks for.
/// Lives on: the control thread. Owned by the dispatcher. start() -> ... -> is_over() -> co_await close() -> destroyed.
/// Promise: every job that was started and is not closed before comes to an end, whatever its TaskManagers do, once
/// something fails it or cancels it.
class Job final : private PhaseContext, private OrderListener {
 public:
  Job(SubmittedJob planned, JobOptions options, const ClusterParts& cluster, Clock& clock,
      asio::any_io_executor executor, JobOwner& owner);
  ~Job() override;

  /// Begins to wait for slots.
  void start();
  /// Drops all calls under way. The job is not told to anybody as ended.
  Async<void> close();

  void on_task_status(const std::vector<TaskReport>& reports);
  void on_counters(const ExecutionId& execution, TaskCounters counters);
  void on_task_manager_lost(const TaskManagerId& id, const std::string& reason);
  void on_slots_available();
  /// The user wants it to end. Nothing happens when it is cancelling or over.
  void cancel();

  const JobSubmission& submission() const { return submission_; }
  /// The graph that runs now.
  const plan::JobGraph& graph() const { return book_.tasks.job_graph(); }
  /// The job's workers that are deployed now.
  const plan::JobWorker& worker() const { return orders_.worker(); }
  JobStatus status() const { return status_; }
  bool is_waiting() const { return status_ == JobStatus::created; }
  bool is_over() const { return jobmanager::is_over(status_); }
  const JobTimes& entered() const { return entered_; }
  const ExecutionGraph& tasks() const { return book_.tasks; }
  const FailureHistory& failures() const { return book_.failures; }
  /// The same value until something changes.
  std::shared_ptr<const JobDetails> details() const { return details_.details(*this); }
  JobSummary summary() const;
  /// Grows with every change of the job's status or a task's.
  std::uint64_t changes() const { return changes_ + book_.tasks.status_changes(); }

 private:
  // PhaseContext
  JobBook& book() override { return book_; }
  WallTime now() const override { return clock_.wall_now(); }
  std::optional<SlotShortage> acquire_slots(std::span<const TaskIndex> tasks) override;
  void declare_demand(std::uint32_t slots) override;
  void deploy(std::vector<TaskIndex> tasks) override;
  void cancel(std::vector<TaskIndex> tasks) override;
  void end_workers(std::span<const TaskIndex> tasks) override;
  void wake_after(std::chrono::milliseconds delay) override;
  void enter(std::unique_ptr<Phase> next) override;

  // OrderListener
  void on_deployed(const DeploymentOutcome& outcome) override;
  void on_gone(const std::vector<TaskIndex>& tasks) override;
  void on_worker_ended(const TaskManagerId& id) override;

  void follow_phases();
  void enter_status(JobStatus status);
  void watch_for_idle_slots(const std::vector<TaskReport>& reports);
  bool is_idle_on(const TaskManagerId& id) const;
  Async<void> return_idle_slots(TaskManagerId id);
  void note_fault(const DeploymentOutcome& outcome);
  Async<void> wake(std::chrono::milliseconds delay, std::uint64_t phase_number);

  // Set once
  const JobSubmission submission_;
  const JobOptions options_;
  const ClusterParts cluster_;
  Clock& clock_;
  JobOwner& owner_;
  // Control thread only
  JobBook book_;
  SlotLeases leases_;
  JobStatus status_ = JobStatus::initializing;
  JobTimes entered_{};
  WallTime last_change_;
  std::uint64_t changes_ = 0;  ///< of status_ and last_change_
  mutable DetailsCache details_;
  std::unique_ptr<Phase> phase_;
  std::unique_ptr<Phase> next_;
  std::uint64_t phase_number_ = 0;
  bool following_ = false;
  TaskOrders orders_;
  TaskScope scope_;
};

}  // namespace weir::jobmanager
