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
  context_.send(PhaseContext::Order::cancel);
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

void EndingPhase::on_deployed(const TaskManagerId& task_manager, const Result<void>& outcome) {
  // Tasks that had not arrived when the order to stop did have not heard it.
  if (outcome.ok()) return context_.send(PhaseContext::Order::cancel);
  ExecutionGraph& tasks = context_.book().tasks;
  for (TaskIndex task : tasks.on(task_manager)) tasks.enter(task, TaskStatus::canceled, context_.now());
  leave_if_over();
}

void EndingPhase::on_timer() {
  ExecutionGraph& tasks = context_.book().tasks;
  for (TaskIndex task : tasks.enter_all(TaskStatus::canceled, context_.now())) {
    LOG_WARN("task {} did not stop within task.cancellation.timeout; its worker is killed", tasks.task_name(task));
  }
  leave_if_over();
}

void EndingPhase::leave_if_over() {
  if (context_.book().tasks.all_over()) context_.enter(make_finished_phase(outcome_));
}

}  // namespace weir::jobmanager
