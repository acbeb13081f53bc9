// What deploying and running have in common: tasks exist on TaskManagers and nothing has gone wrong.
#pragma once

#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

/// Takes reports: the first failure ends the phase, so does the last finish.
class LivePhase : public Phase {
 public:
  explicit LivePhase(PhaseContext& context) : context_(context) {}

  JobStatus status() const override { return JobStatus::running; }
  void on_task_status(TaskIndex task, const TaskReport& report) override;
  void cancel() override;

 protected:
  /// The task, or with it the job, has failed.
  void fail(TaskIndex task, Failure failure);

  PhaseContext& context_;
};

}  // namespace weir::jobmanager
