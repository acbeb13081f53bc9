// Cancelling: the user wants the job to end.
#include <utility>

#include "common/observe/log.h"
#include "jobmanager/job/ending_phase.h"

namespace weir::jobmanager {

namespace {

class CancellingPhase final : public EndingPhase {
 public:
  explicit CancellingPhase(PhaseContext& context) : EndingPhase(context, JobStatus::canceled) {}

  JobStatus status() const override { return JobStatus::cancelling; }
  void cancel() override {}

 private:
  // It was to end and has ended: how is of no more interest than a line in the log.
  void on_failure(TaskIndex task, Failure failure) override {
    LOG_INFO("task {} failed while it was cancelled: {}: {}", context_.book().tasks.task_name(task), failure.exception,
             failure.message);
    context_.book().tasks.enter(task, TaskStatus::canceled, context_.now());
  }
};

}  // namespace

std::unique_ptr<Phase> make_cancelling_phase(PhaseContext& context) {
  return std::make_unique<CancellingPhase>(context);
}

}  // namespace weir::jobmanager
