// Waiting for slots: the job is CREATED, its tasks are SCHEDULED.
#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "common/observe/log.h"
#include "jobmanager/job/phase.h"

namespace weir::jobmanager {

namespace {

class WaitingPhase final : public Phase {
 public:
  explicit WaitingPhase(PhaseContext& context) : context_(context) {}

  JobStatus status() const override { return JobStatus::created; }

  void begin() override {
    ExecutionGraph& tasks = context_.book().tasks;
    for (TaskIndex task : tasks.all()) {
      if (tasks.enter(task, TaskStatus::scheduled, context_.now())) waiting_.push_back(task);
    }
    context_.wake_after(context_.book().timeouts.slot_request);
    on_slots_available();
  }

  void on_slots_available() override {
    auto shortage = context_.acquire_slots(waiting_);
    if (!shortage) return leave(make_deploying_phase(context_, waiting_));
    if (shortage_ == shortage) return;
    shortage_ = std::move(shortage);
    context_.declare_demand(shortage_->needed());
    LOG_INFO("job '{}' waits for slots: {}", context_.book().tasks.job_graph().job_name, shortage_->to_text());
  }

  void on_timer() override {
    Failure failure{
        "slots missing",
        fmt::format(
            "Could not acquire the minimum required resources: {} after {} s (slot.request.timeout); start more "
            "TaskManagers, raise taskmanager.numberOfTaskSlots or lower the parallelism",
            shortage_->to_text(), context_.book().timeouts.slot_request.count() / 1000),
        "", context_.now(), Blame::external};
    context_.book().failures.add_root({std::move(failure), "", "", ""});
    leave(make_failing_phase(context_));
  }

  void on_task_status(TaskIndex, const TaskReport&) override {}
  void cancel() override { leave(make_cancelling_phase(context_)); }

 private:
  void leave(std::unique_ptr<Phase> next) {
    context_.declare_demand(0);
    context_.enter(std::move(next));
  }

  PhaseContext& context_;
  std::vector<TaskIndex> waiting_;
  std::optional<SlotShortage> shortage_;
};

}  // namespace

std::unique_ptr<Phase> make_waiting_phase(PhaseContext& context) { return std::make_unique<WaitingPhase>(context); }

}  // namespace weir::jobmanager
