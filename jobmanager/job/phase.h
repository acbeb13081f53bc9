// What a job does at one stage of its life. One class per phase; the job forwards to the current one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "common/async/clock.h"
#include "jobmanager/job/execution_graph.h"
#include "jobmanager/model/failure.h"
#include "jobmanager/model/status.h"
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
  std::chrono::milliseconds deploy{120'000};        ///< for the answer to one deploy call
  std::chrono::milliseconds slot_idle{50'000};      ///< slot.idle.timeout
  std::chrono::milliseconds call{10'000};           ///< for the answer to any other call
};

/// What all phases of a job share.
struct JobBook {
  ExecutionGraph tasks;
  FailureHistory failures;
  JobTimeouts timeouts;
};

/// What a phase may do. The job stands behind it; in tests, a recorder.
class PhaseContext {
 public:
  virtual ~PhaseContext() = default;

  enum class Order {
    deploy,  ///< every placed task, one message per TaskManager; answers come back as on_deployed
    cancel,  ///< every task that is CANCELING; repeated until the TaskManager has answered
  };

  virtual JobBook& book() = 0;
  virtual WallTime now() const = 0;
  /// Leases a slot for every task and notes the places. Errors: resource_exhausted, in words.
  virtual Result<void> acquire_slots() = 0;
  virtual void send(Order order) = 0;
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
  /// The answer to one deployment.
  virtual void on_deployed(const TaskManagerId&, const Result<void>&) {}
  virtual void on_slots_available() {}
  virtual void on_timer() {}
  /// The user wants the job to end.
  virtual void cancel() = 0;
};

/// The first phase of every job.
std::unique_ptr<Phase> make_waiting_phase(PhaseContext& context);
std::unique_ptr<Phase> make_deploying_phase(PhaseContext& context);
std::unique_ptr<Phase> make_running_phase(PhaseContext& context);
/// The root cause has been put into the book by the phase before.
std::unique_ptr<Phase> make_failing_phase(PhaseContext& context);
std::unique_ptr<Phase> make_cancelling_phase(PhaseContext& context);
/// @param outcome   FINISHED, CANCELED or FAILED
std::unique_ptr<Phase> make_finished_phase(JobStatus outcome);

}  // namespace weir::jobmanager
