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
    if (!outcome.ok() && refuse(task_manager, outcome.error())) return;
    std::erase(unanswered_, task_manager);
    if (unanswered_.empty()) context_.enter(make_running_phase(context_));
  }

 private:
  /// A TaskManager has none of the tasks that it was sent: one of them fails the job, and nobody would answer for the
  /// others.
  bool refuse(const TaskManagerId& task_manager, const Error& error) {
    ExecutionGraph& tasks = context_.book().tasks;
    std::vector<TaskIndex> refused = tasks.on(task_manager);
    std::erase_if(refused, [&](TaskIndex task) { return is_over(tasks.attempt(task).status); });
    if (refused.empty()) return false;
    fail(refused.front(), {"deployment failed", error.message, "", context_.now()});
    for (TaskIndex task : refused) tasks.enter(task, TaskStatus::canceled, context_.now());
    return true;
  }

  std::vector<TaskManagerId> unanswered_;
};

}  // namespace

std::unique_ptr<Phase> make_deploying_phase(PhaseContext& context) { return std::make_unique<DeployingPhase>(context); }

}  // namespace weir::jobmanager
