// Failing: something went wrong; what still runs is stopped.
#include <utility>

#include "jobmanager/job/ending_phase.h"

namespace weir::jobmanager {

namespace {

class FailingPhase final : public EndingPhase {
 public:
  explicit FailingPhase(PhaseContext& context) : EndingPhase(context, JobStatus::failed) {}

  JobStatus status() const override { return JobStatus::failing; }
  void cancel() override { context_.enter(make_cancelling_phase(context_)); }

 private:
  // An echo: neighbours of a failed task lose their channels.
  void on_failure(TaskIndex task, Failure failure) override {
    JobBook& book = context_.book();
    book.tasks.enter(task, TaskStatus::failed, context_.now());
    book.tasks.set_failure(task, failure);
    book.failures.add_concurrent(book.tasks.locate(task, std::move(failure)));
  }
};

}  // namespace

std::unique_ptr<Phase> make_failing_phase(PhaseContext& context) { return std::make_unique<FailingPhase>(context); }

}  // namespace weir::jobmanager
