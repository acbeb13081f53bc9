#include "jobmanager/job/ending_phase.h"

#include <utility>

#include "common/observe/log.h"

namespace weir::jobmanager {

void EndingPhase::begin() {
  ExecutionGraph& tasks = context_.book().tasks;
  for (TaskIndex task : tasks.all()) {
    const TaskStatus status = tasks.attempt(task).status;
    const bool is_sent = status != TaskStatus::created && status != TaskStatus::scheduled;
    tasks.enter(task, is_sent ? TaskStatus::canceling : TaskStatus::canceled, context_.now());
  }
  if (tasks.all_over()) return leave_if_over();
  if (context_.book().timeouts.cancellation.count() > 0)
    context_.wake_after(context_.book().timeouts.cancellation + kGrace);
  context_.cancel(cancelling(tasks.all()));
}

std::vector<TaskIndex> EndingPhase::cancelling(const std::vector<TaskIndex>& tasks) const {
  std::vector<TaskIndex> found;
  for (TaskIndex task : tasks) {
    if (context_.book().tasks.attempt(task).status == TaskStatus::canceling) found.push_back(task);
  }
  return found;
}

void EndingPhase::on_task_status(TaskIndex task, const TaskReport& report) {
  switch (report.status) {
    case TaskStatus::failed:
      on_failure(task,
                 report.failure.value_or(Failure{"task failed", "its TaskManager gave no reason", "", context_.now()}));
      break;
    case TaskStatus::finished:
    case TaskStatus::canceled: context_.book().tasks.enter(task, report.status, context_.now()); break;
    default: return;  // It started while the order to stop was on its way.
  }
  leave_if_over();
}

void EndingPhase::on_deployed(const DeploymentOutcome& outcome) {
  // Tasks that had not arrived when the order to stop did have not heard it.
  if (outcome.result.ok() || outcome.is_uncertain) {
    if (auto tasks = cancelling(outcome.tasks); !tasks.empty()) context_.cancel(std::move(tasks));
  } else {
    on_gone(outcome.tasks);
  }
}

void EndingPhase::on_gone(const std::vector<TaskIndex>& tasks) {
  for (TaskIndex task : tasks) context_.book().tasks.enter(task, TaskStatus::canceled, context_.now());
  leave_if_over();
}

void EndingPhase::on_timer() {
  const ExecutionGraph& tasks = context_.book().tasks;
  const auto stuck = cancelling(tasks.all());
  for (TaskIndex task : stuck)
    LOG_WARN("task {} did not stop within task.cancellation.timeout; its worker is ended", tasks.task_name(task));
  context_.end_workers(stuck);
}

void EndingPhase::leave_if_over() {
  if (context_.book().tasks.all_over()) context_.enter(make_finished_phase(outcome_));
}

}  // namespace weir::jobmanager
