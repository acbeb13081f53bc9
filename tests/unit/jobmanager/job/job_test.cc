#include "jobmanager/job/job.h"

#include <doctest/doctest.h>

#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"
#include "tests/unit/jobmanager/job/scripted_task_manager.h"

namespace weir::jobmanager {
namespace {

/// What a restart asks of a job: all tasks end, begin new attempts, and are deployed again.
class RestartingPhase final : public Phase {
 public:
  explicit RestartingPhase(PhaseContext& context) : context_(context) {}
  JobStatus status() const override { return JobStatus::running; }
  void begin() override { deploy(); }
  void on_task_status(TaskIndex task, const TaskReport& report) override {
    ExecutionGraph& tasks = context_.book().tasks;
    tasks.enter(task, report.status, context_.now());
    if (tasks.all_finished()) return context_.enter(make_finished_phase(JobStatus::finished));
    if (report.status == TaskStatus::failed) {
      std::vector<TaskIndex> others;
      for (TaskIndex other : tasks.all()) {
        if (tasks.enter(other, TaskStatus::canceling, context_.now())) others.push_back(other);
      }
      context_.cancel(others);
    }
    if (!tasks.all_over()) return;
    tasks.reset(tasks.all(), context_.now());
    deploy();
  }
  void cancel() override {}

 private:
  void deploy() {
    ExecutionGraph& tasks = context_.book().tasks;
    REQUIRE(!context_.acquire_slots(tasks.all()));
    for (const TaskStatus status : {TaskStatus::scheduled, TaskStatus::deploying})
      CHECK(tasks.enter_all(status, context_.now()).size() == tasks.size());
    context_.deploy(tasks.all());
  }

  PhaseContext& context_;
};

class CreatedPhase final : public Phase {
 public:
  explicit CreatedPhase(PhaseContext& context) : context_(context) {}
  JobStatus status() const override { return JobStatus::created; }
  void begin() override { context_.enter(std::make_unique<RestartingPhase>(context_)); }
  void on_task_status(TaskIndex, const TaskReport&) override {}
  void cancel() override {}

 private:
  PhaseContext& context_;
};

std::unique_ptr<Phase> begin_with_restarts(PhaseContext& context) { return std::make_unique<CreatedPhase>(context); }

/// One TaskManager with two slots.
struct Scene final : TaskManagerListener, JobOwner {
  explicit Scene(ControlThread& control)
      : executor(control.executor()),
        task_manager(executor),
        dialler(executor, task_manager),
        registry(executor, clock, dialler, slots, RegistryOptions()) {
    registry.start(*this);
    REQUIRE(registry.add(described(id, 2), {}).ok());
  }
  std::unique_ptr<Job> make_job(JobOptions options) {
    SubmittedJob planned;
    planned.submission.id = JobId::random();
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.parallelism = 2;
    planned.graph.vertices.push_back(vertex);
    return std::make_unique<Job>(std::move(planned), options, ClusterParts{registry, slots, faults, resources}, clock,
                                 executor, *this);
  }
  void report(Job& job, TaskIndex task, TaskStatus status) {
    job.on_task_status({{job.tasks().attempt(task).execution, status, std::nullopt, std::nullopt}});
  }
  Async<void> close(Job& job) {
    co_await job.close();
    co_await registry.close(clock.now());
  }

  void on_slots_available() override {}
  void on_task_manager_lost(const TaskManagerId&, const std::string&) override {}
  void on_job_over(const JobId&) override {}

  const TaskManagerId id = *TaskManagerId::from_string("tm");
  asio::any_io_executor executor;
  testing::SimClock clock;
  SlotPool slots;
  TaskManagerFaults faults;
  StandaloneDriver resources;
  ScriptedTaskManager task_manager;
  ScriptedDialler dialler;
  TaskManagerRegistry registry;
};

TEST_CASE("job: new attempts run in the job's own slots, under executions of their own and the same generation") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await testing::let_others_run();
    JobOptions options;
    options.epoch = 7;
    options.first_phase = begin_with_restarts;
    const auto job = scene.make_job(options);
    job->start();
    co_await testing::let_others_run();
    REQUIRE(scene.task_manager.deployed.size() == 1);
    CHECK(scene.slots.available() == 0);
    const auto places = job->tasks().table().tasks;

    scene.report(*job, {0, 0}, TaskStatus::failed);
    co_await testing::let_others_run();
    CHECK(scene.task_manager.cancels == 1);
    CHECK(scene.task_manager.deployed.size() == 1);  // the other one has not stopped yet
    scene.report(*job, {0, 1}, TaskStatus::canceled);
    co_await testing::let_others_run();

    REQUIRE(scene.task_manager.deployed.size() == 2);
    CHECK(scene.task_manager.deployed[0] != scene.task_manager.deployed[1]);
    CHECK(scene.task_manager.generations == std::vector<plan::Generation>{{7, 1}, {7, 1}});
    for (const TaskIndex& task : job->tasks().all()) {
      const Attempt& attempt = job->tasks().attempt(task);
      CHECK(attempt.number == 1);
      CHECK(attempt.slot == places[0][task.subtask].slot);
      CHECK(job->tasks().history(task).size() == 1);
    }
    // A report of an attempt before comes late: it is nobody's.
    job->on_task_status({{places[0][0].execution, TaskStatus::failed, std::nullopt, std::nullopt}});
    CHECK(job->tasks().attempt({0, 0}).status == TaskStatus::deploying);
    for (const TaskIndex& task : job->tasks().all()) scene.report(*job, task, TaskStatus::finished);
    CHECK(job->status() == JobStatus::finished);
    co_await testing::let_others_run();
    CHECK(scene.slots.available() == 2);
    co_await scene.close(*job);
  });
}

TEST_CASE("job: a TaskManager that refuses a deployment by its own fault is avoided, and not by the job's") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    for (const auto code : {proto::RpcError::IO, proto::RpcError::NOT_FOUND}) {
      Scene scene(control);
      co_await testing::let_others_run();
      proto::DeployReply refusal;
      refusal.mutable_refusal()->set_code(code);
      refusal.mutable_refusal()->set_blame(proto::RpcError::EXTERNAL);
      refusal.mutable_refusal()->set_message("refused");
      scene.task_manager.next_deploy.push_back(refusal);
      const auto job = scene.make_job(JobOptions());
      job->start();
      co_await testing::let_others_run();
      CHECK(job->status() == JobStatus::failed);
      CHECK(job->failures().newest()->failure.blame == Blame::external);
      CHECK(scene.faults.is_avoided(scene.id, scene.clock.now()) == (code == proto::RpcError::IO));
      co_await scene.close(*job);
    }
  });
}

}  // namespace
}  // namespace weir::jobmanager
