// Deploying: every TaskManager has been sent its tasks and not all have answered.
#include <algorithm>
#include <set>
#include <utility>

#include "jobmanager/job/live_phase.h"

namespace weir::jobmanager {

namespace {

class DeployingPhase final : public LivePhase {
 public:
  DeployingPhase(PhaseContext& context, std::vector<TaskIndex> tasks)
      : LivePhase(context), deployed_(std::move(tasks)) {}

  void begin() override {
    ExecutionGraph& tasks = context_.book().tasks;
    for (TaskIndex task : deployed_) {
      tasks.enter(task, TaskStatus::deploying, context_.now());
      unanswered_.insert(tasks.attempt(task).place->id);
    }
    context_.deploy(deployed_);
  }

  void on_deployed(const DeploymentOutcome& outcome) override {
    if (!outcome.result.ok() && fail_deployment(outcome)) return;
    unanswered_.erase(outcome.task_manager);
    if (unanswered_.empty()) context_.enter(make_running_phase(context_));
  }

 private:
  /// Without these tasks the job can't run. Nothing happens when all have reported their end before.
  bool fail_deployment(const DeploymentOutcome& outcome) {
    ExecutionGraph& tasks = context_.book().tasks;
    std::vector<TaskIndex> missing = outcome.tasks;
    std::erase_if(missing, [&](TaskIndex task) { return is_over(tasks.attempt(task).status); });
    if (missing.empty()) return false;
    const Error& error = outcome.result.error();
    Failure failure{"deployment failed", error.message, "", context_.now(), error.blame};
    if (outcome.is_uncertain) {
      // They may run: they are cancelled with all the others, and end when that is confirmed.
      context_.book().failures.add_root(tasks.locate(missing.front(), std::move(failure)));
      context_.enter(make_failing_phase(context_));
    } else {
      fail(missing.front(), std::move(failure));
      for (TaskIndex task : missing) tasks.enter(task, TaskStatus::canceled, context_.now());
    }
    return true;
  }

  const std::vector<TaskIndex> deployed_;
  std::set<TaskManagerId> unanswered_;
};

}  // namespace

std::unique_ptr<Phase> make_deploying_phase(PhaseContext& context, std::vector<TaskIndex> tasks) {
  return std::make_unique<DeployingPhase>(context, std::move(tasks));
}

}  // namespace weir::jobmanager
