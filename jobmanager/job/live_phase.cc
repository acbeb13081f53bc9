#include "jobmanager/job/live_phase.h"

#include <utility>

namespace weir::jobmanager {

void LivePhase::on_task_status(TaskIndex task, const TaskReport& report) {
  ExecutionGraph& tasks = context_.book().tasks;
  switch (report.status) {
    case TaskStatus::failed:
      return fail(
          task, report.failure.value_or(Failure{"task failed", "its TaskManager gave no reason", "", context_.now()}));
    case TaskStatus::canceled:
      return fail(task,
                  {"task cancelled", "its TaskManager cancelled it and nobody had asked for that", "", context_.now()});
    default: tasks.enter(task, report.status, context_.now());
  }
  if (tasks.all_finished()) context_.enter(make_finished_phase(JobStatus::finished));
}

void LivePhase::fail(TaskIndex task, Failure failure) {
  JobBook& book = context_.book();
  book.tasks.enter(task, TaskStatus::failed, context_.now());
  book.tasks.set_failure(task, failure);
  book.failures.add_root(book.tasks.locate(task, std::move(failure)));
  context_.enter(make_failing_phase(context_));
}

void LivePhase::cancel() { context_.enter(make_cancelling_phase(context_)); }

}  // namespace weir::jobmanager
