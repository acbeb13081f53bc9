// Deploying: every TaskManager has been sent its tasks and not all have answered.
#include <algorithm>
#include <utility>

#include "jobmanager/job/live_phase.h"

namespace weir::jobmanager {

namespace {

class DeployingPhase final : public LivePhase {
 public:
  using LivePhase::LivePhase;

  void begin() override {
    ExecutionGraph& tasks = context_.book().tasks;
    tasks.enter_all(TaskStatus::deploying, context_.now());
    for (TaskIndex task : tasks.all()) {
      const TaskManagerId& id = tasks.attempt(task).place->id;
      if (std::find(unanswered_.begin(), unanswered_.end(), id) == unanswered_.end()) unanswered_.push_back(id);
    }
    context_.send(PhaseContext::Order::deploy);
  }

  void on_deployed(const TaskManagerId& task_manager, const Result<void>& outcome) override {
    if (!outcome.ok()) {
      for (TaskIndex task : context_.book().tasks.on(task_manager)) {
        if (!is_over(context_.book().tasks.attempt(task).status)) {
          return fail(task, {"deployment failed", outcome.error().message, "", context_.now()});
        }
      }
    }
    std::erase(unanswered_, task_manager);
    if (unanswered_.empty()) context_.enter(make_running_phase(context_));
  }

 private:
  std::vector<TaskManagerId> unanswered_;
};

}  // namespace

std::unique_ptr<Phase> make_deploying_phase(PhaseContext& context) { return std::make_unique<DeployingPhase>(context); }

}  // namespace weir::jobmanager
