// What cancelling and failing have in common: tasks are told to stop, and the phase ends when none is left.
#pragma once

#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

/// Cancels every task. Promise: a sent task is counted as over only when its TaskManager, or that one's loss, confirms
/// it; and yet the phase ends, whatever tasks do: what has not stopped in task.cancellation.timeout and a grace costs
/// the job its worker there.
class EndingPhase : public Phase {
 public:
  /// A TaskManager kills its worker at the time-out; its report should come first.
  static constexpr std::chrono::milliseconds kGrace{10'000};

  EndingPhase(PhaseContext& context, JobStatus outcome) : context_(context), outcome_(outcome) {}

  void begin() override;
  void on_task_status(TaskIndex task, const TaskReport& report) override;
  void on_deployed(const DeploymentOutcome& outcome) override;
  void on_gone(const std::vector<TaskIndex>& tasks) override;
  void on_timer() override;

 protected:
  /// What becomes of a task that reports FAILED on the way.
  virtual void on_failure(TaskIndex task, Failure failure) = 0;

  PhaseContext& context_;

 private:
  void leave_if_over();
  std::vector<TaskIndex> cancelling(const std::vector<TaskIndex>& tasks) const;

  const JobStatus outcome_;
};

}  // namespace weir::jobmanager
