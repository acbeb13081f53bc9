// What cancelling and failing have in common: tasks are told to stop, and the phase ends when none is left.
#pragma once

#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

/// Cancels every task. Promise: ends, whatever TaskManagers do: what has not stopped in task.cancellation.timeout and a
/// grace is counted as cancelled, and the end of the job kills its workers.
class EndingPhase : public Phase {
 public:
  /// A TaskManager kills its worker at the time-out; its report should come first.
  static constexpr std::chrono::milliseconds kGrace{10'000};

  EndingPhase(PhaseContext& context, JobStatus outcome) : context_(context), outcome_(outcome) {}

  void begin() override;
  void on_task_status(TaskIndex task, const TaskReport& report) override;
  void on_deployed(const TaskManagerId& task_manager, const Result<void>& outcome) override;
  void on_timer() override;

 protected:
  /// What becomes of a task that reports FAILED on the way.
  virtual void on_failure(TaskIndex task, Failure failure) = 0;

  PhaseContext& context_;

 private:
  void leave_if_over();

  const JobStatus outcome_;
};

}  // namespace weir::jobmanager
