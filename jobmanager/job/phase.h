// What a job does at one stage of its life. One class per phase; the job forwards to the current one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/async/clock.h"
#include "jobmanager/job/execution_graph.h"
#include "jobmanager/model/failure.h"
#include "jobmanager/model/status.h"
#include "jobmanager/scheduling/placement.h"
#include "weir/result.h"

namespace weir::jobmanager {

class Phase;

/// What a TaskManager says of one task.
struct TaskReport {
  ExecutionId execution;
  TaskStatus status = TaskStatus::running;
  std::optional<Failure> failure;  ///< with status failed
  std::optional<TaskCounters> counters;
};

/// Waits of a job that have an end.
struct JobTimeouts {
  std::chrono::milliseconds slot_request{300'000};  ///< slot.request.timeout
  std::chrono::milliseconds cancellation{180'000};  ///< task.cancellation.timeout; 0: none
  std::chrono::milliseconds deploy{120'000};        ///< for a deployment, calls that are repeated included
  std::chrono::milliseconds slot_idle{50'000};      ///< slot.idle.timeout
  std::chrono::milliseconds call{10'000};           ///< for the answer to any other call
};

/// What all phases of a job share.
struct JobBook {
  ExecutionGraph tasks;
  FailureHistory failures;
  JobTimeouts timeouts;
};

/// What became of one deployment on one TaskManager.
struct DeploymentOutcome {
  TaskManagerId task_manager;
  /// Those whose attempts are still the ones that were deployed.
  std::vector<TaskIndex> tasks;
  /// An error is the TaskManager's refusal: none of `tasks` that has not reported before exists there.
  Result<void> result;
  /// No reply: `result` says why, and the tasks may run or not.
  bool is_uncertain = false;
};

/// What a phase may do. The job stands behind it; in tests, a recorder.
class PhaseContext {
 public:
  virtual ~PhaseContext() = default;

  virtual JobBook& book() = 0;
  virtual WallTime now() const = 0;
  /// Notes a place for every one of these tasks: in the slot that the job has for it already, else in one that it
  /// leases. All or nothing. @return  what is missing; nothing when all have a place
  virtual std::optional<SlotShortage> acquire_slots(std::span<const TaskIndex> tasks) = 0;
  /// So many slots the job waits for; 0: it waits no more.
  virtual void declare_demand(std::uint32_t slots) = 0;
  /// Starts these tasks, with one message per TaskManager; answers come back as on_deployed.
  virtual void deploy(std::vector<TaskIndex> tasks) = 0;
  /// Asks their TaskManagers to stop these tasks; repeated until they have replied. Tasks that do not exist there come
  /// back as on_gone.
  virtual void cancel(std::vector<TaskIndex> tasks) = 0;
  /// Ends the job's workers on the TaskManagers of these tasks, whatever runs in them. When a TaskManager has confirmed
  /// that, its tasks come back as on_gone.
  virtual void end_workers(std::span<const TaskIndex> tasks) = 0;
  /// Calls on_timer once, unless the phase has been left by then.
  virtual void wake_after(std::chrono::milliseconds delay) = 0;
  /// The next phase begins when the current call into this one has returned.
  virtual void enter(std::unique_ptr<Phase> next) = 0;
};

/// Lives on: the control thread. Owned by the job, made by the phase before. Synchronous: decides, and asks its context
/// to act.
class Phase {
 public:
  virtual ~Phase() = default;

  virtual JobStatus status() const = 0;
  virtual void begin() = 0;
  /// A report for a task that is not over. Counters have been noted.
  virtual void on_task_status(TaskIndex task, const TaskReport& report) = 0;
  /// Not for a deployment of which no task is current any more.
  virtual void on_deployed(const DeploymentOutcome&) {}
  /// These tasks do not exist on their TaskManagers, say those. None of them is over.
  virtual void on_gone(const std::vector<TaskIndex>&) {}
  virtual void on_slots_available() {}
  virtual void on_timer() {}
  /// The user wants the job to end.
  virtual void cancel() = 0;
};

/// The first phase of every job.
std::unique_ptr<Phase> make_waiting_phase(PhaseContext& context);
/// @param tasks  have slots
std::unique_ptr<Phase> make_deploying_phase(PhaseContext& context, std::vector<TaskIndex> tasks);
std::unique_ptr<Phase> make_running_phase(PhaseContext& context);
/// The root cause has been put into the book by the phase before.
std::unique_ptr<Phase> make_failing_phase(PhaseContext& context);
std::unique_ptr<Phase> make_cancelling_phase(PhaseContext& context);
/// @param outcome   FINISHED, CANCELED or FAILED
std::unique_ptr<Phase> make_finished_phase(JobStatus outcome);

}  // namespace weir::jobmanager
