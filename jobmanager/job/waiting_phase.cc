// Waiting for slots: the job is CREATED, its tasks are SCHEDULED.
#include <fmt/format.h>

#include <string>

#include "common/observe/log.h"
#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

namespace {

class WaitingPhase final : public Phase {
 public:
  explicit WaitingPhase(PhaseContext& context) : context_(context) {}

  JobStatus status() const override { return JobStatus::created; }

  void begin() override {
    context_.book().tasks.enter_all(TaskStatus::scheduled, context_.now());
    context_.wake_after(context_.book().timeouts.slot_request);
    on_slots_available();
  }

  void on_slots_available() override {
    auto acquired = context_.acquire_slots();
    if (acquired.ok()) return context_.enter(make_deploying_phase(context_));
    if (acquired.error().message == missing_) return;
    missing_ = acquired.error().message;
    LOG_INFO("job '{}' waits for slots: {}", context_.book().tasks.job_graph().job_name, missing_);
  }

  void on_timer() override {
    Failure failure{
        "slots missing",
        fmt::format(
            "Could not acquire the minimum required resources: {} after {} s (slot.request.timeout); start more "
            "TaskManagers, raise taskmanager.numberOfTaskSlots or lower the parallelism",
            missing_, context_.book().timeouts.slot_request.count() / 1000),
        "", context_.now()};
    context_.book().failures.add_root({std::move(failure), "", "", ""});
    context_.enter(make_failing_phase(context_));
  }

  void on_task_status(TaskIndex, const TaskReport&) override {}
  void cancel() override { context_.enter(make_cancelling_phase(context_)); }

 private:
  PhaseContext& context_;
  std::string missing_;
};

}  // namespace

std::unique_ptr<Phase> make_waiting_phase(PhaseContext& context) { return std::make_unique<WaitingPhase>(context); }

}  // namespace weir::jobmanager
