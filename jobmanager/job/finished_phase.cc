// The end: FINISHED, CANCELED or FAILED, for ever.
#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

namespace {

class FinishedPhase final : public Phase {
 public:
  explicit FinishedPhase(JobStatus outcome) : outcome_(outcome) {}

  JobStatus status() const override { return outcome_; }
  void begin() override {}
  void on_task_status(TaskIndex, const TaskReport&) override {}
  void cancel() override {}

 private:
  const JobStatus outcome_;
};

}  // namespace

std::unique_ptr<Phase> make_finished_phase(JobStatus outcome) { return std::make_unique<FinishedPhase>(outcome); }

}  // namespace weir::jobmanager
