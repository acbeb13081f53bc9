#include "jobmanager/job/task_orders.h"

#include <doctest/doctest.h>

#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"
#include "tests/unit/jobmanager/job/scripted_task_manager.h"

namespace weir::jobmanager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// One registered TaskManager with four slots, and a job with two tasks on it.
struct Scene final : OrderListener, TaskManagerListener {
  explicit Scene(ControlThread& control)
      : executor(control.executor()),
        task_manager(executor),
        dialler(executor, task_manager),
        registry(executor, clock, dialler, slots, RegistryOptions()),
        tasks(std::make_shared<const plan::JobGraph>(graph()), clock.wall_now()),
        orders(terms(), JobTimeouts(), tasks, registry, clock, executor, *this) {
    registry.start(*this);
    REQUIRE(registry.add(described(id, 4), {}).ok());
    for (std::uint32_t i = 0; i < 2; ++i) {
      tasks.set_place({0, i}, {id, "host", 2}, i);
      enter({0, i}, TaskStatus::scheduled);
      enter({0, i}, TaskStatus::deploying);
    }
  }
  static plan::JobGraph graph() {
    plan::JobGraph graph;
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.parallelism = 2;
    graph.vertices.push_back(vertex);
    return graph;
  }
  static DeploymentTerms terms() {
    DeploymentTerms terms;
    terms.job = JobId::random();
    terms.generation = {5, 1};
    return terms;
  }
  void enter(TaskIndex task, TaskStatus status) { tasks.enter(task, status, clock.wall_now()); }
  /// Lets so much time pass, in steps that retries can see.
  Async<void> pass(milliseconds time) {
    for (milliseconds passed{0}; passed <= time; passed += milliseconds(50)) {
      co_await testing::let_others_run();
      clock.advance(milliseconds(50));
    }
    co_await testing::let_others_run();
  }
  Async<void> close() {
    task_manager.go_on.set();
    co_await orders.close();
    co_await registry.close(clock.now());
  }

  void on_deployed(const DeploymentOutcome& outcome) override { outcomes.push_back(outcome); }
  void on_gone(const std::vector<TaskIndex>& those) override { gone.insert(gone.end(), those.begin(), those.end()); }
  void on_worker_ended(const TaskManagerId&) override { ++workers_ended; }
  void on_slots_available() override {}
  void on_task_manager_lost(const TaskManagerId&, const std::string&) override {}

  const TaskManagerId id = *TaskManagerId::from_string("tm");
  asio::any_io_executor executor;
  testing::SimClock clock;
  SlotPool slots;
  ScriptedTaskManager task_manager;
  ScriptedDialler dialler;
  TaskManagerRegistry registry;
  ExecutionGraph tasks;
  TaskOrders orders;
  std::vector<DeploymentOutcome> outcomes;
  std::vector<TaskIndex> gone;
  int workers_ended = 0;
};

const std::vector<TaskIndex> kBoth{{0, 0}, {0, 1}};

proto::DeployReply refusal() {
  proto::DeployReply reply;
  reply.mutable_refusal()->set_code(proto::RpcError::IO);
  reply.mutable_refusal()->set_blame(proto::RpcError::EXTERNAL);
  reply.mutable_refusal()->set_message("no space left");
  return reply;
}

TEST_CASE("task_orders: a deployment whose connection ended without a reply is sent again, and the job goes on") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    for (int i = 0; i < 3; ++i)
      scene.task_manager.next_deploy.push_back(Error::external(ErrorCode::unavailable, "the connection ended"));
    scene.orders.deploy(kBoth);
    co_await scene.pass(seconds(1));
    CHECK(scene.task_manager.deployed.size() == 4);
    CHECK(scene.task_manager.deployed.front() == scene.task_manager.deployed.back());
    CHECK(scene.task_manager.generations.back() == plan::Generation{5, 1});
    REQUIRE(scene.outcomes.size() == 1);
    CHECK(scene.outcomes[0].result.ok());
    CHECK(scene.outcomes[0].tasks == kBoth);
    co_await scene.close();
  });
}

TEST_CASE("task_orders: a deployment is repeated for those tasks only that still have to start") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.task_manager.next_deploy.push_back(Error::external(ErrorCode::unavailable, "the connection ended"));
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    scene.enter({0, 0}, TaskStatus::finished);  // it had been taken, and was quick
    co_await scene.pass(seconds(1));
    REQUIRE(scene.task_manager.deployed.size() == 2);
    CHECK(scene.task_manager.deployed[1] == std::vector<ExecutionId>{scene.tasks.attempt({0, 1}).execution});
    CHECK(scene.outcomes.size() == 1);
    co_await scene.close();
  });
}

TEST_CASE("task_orders: a refusal is certain, the end of the time without a reply is not") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.task_manager.next_deploy.push_back(refusal());
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    REQUIRE(scene.outcomes.size() == 1);
    CHECK(!scene.outcomes[0].is_uncertain);
    CHECK(scene.outcomes[0].result.error().code == ErrorCode::io);
    CHECK(scene.outcomes[0].result.error().blame == Blame::external);
    scene.task_manager.next_deploy.push_back(Error::external(ErrorCode::deadline_exceeded, "no reply in time"));
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    REQUIRE(scene.outcomes.size() == 2);
    CHECK(scene.outcomes[1].is_uncertain);
    co_await scene.close();
  });
}

TEST_CASE("task_orders: the late answer about an attempt touches no newer attempt") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.task_manager.go_on.reset();
    scene.task_manager.next_deploy.push_back(refusal());
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    REQUIRE(scene.task_manager.deployed.size() == 1);
    // The first task is given up and begins anew while the answer is on its way.
    scene.enter({0, 0}, TaskStatus::failed);
    const std::vector<TaskIndex> first{{0, 0}};
    scene.tasks.reset(first, scene.clock.wall_now());
    scene.task_manager.go_on.set();
    co_await testing::let_others_run();
    REQUIRE(scene.outcomes.size() == 1);
    CHECK(scene.outcomes[0].tasks == std::vector<TaskIndex>{{0, 1}});
    co_await scene.close();
  });
}

TEST_CASE("task_orders: new attempts go to the worker that lives, under the same generation") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    for (TaskIndex task : kBoth) scene.enter(task, TaskStatus::failed);
    const auto before = scene.task_manager.deployed.at(0);
    scene.tasks.reset(kBoth, scene.clock.wall_now());
    for (TaskIndex task : kBoth) {
      scene.tasks.set_place(task, {scene.id, "host", 2}, task.subtask);
      scene.enter(task, TaskStatus::scheduled);
      scene.enter(task, TaskStatus::deploying);
    }
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    REQUIRE(scene.task_manager.deployed.size() == 2);
    CHECK(scene.task_manager.deployed[1] != before);
    CHECK(scene.task_manager.generations[0] == scene.task_manager.generations[1]);
    CHECK(scene.outcomes.size() == 2);
    co_await scene.close();
  });
}

TEST_CASE("task_orders: tasks that a TaskManager does not know are gone, unless their deployment is under way") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.task_manager.knows_nothing = true;
    scene.task_manager.go_on.reset();
    scene.orders.deploy(kBoth);
    co_await testing::let_others_run();
    for (TaskIndex task : kBoth) scene.enter(task, TaskStatus::canceling);
    scene.orders.cancel(kBoth);
    co_await testing::let_others_run();
    CHECK(scene.task_manager.cancels == 1);
    CHECK(scene.gone.empty());
    scene.task_manager.go_on.set();
    co_await testing::let_others_run();
    CHECK(scene.outcomes.size() == 1);
    scene.orders.cancel(kBoth);
    co_await testing::let_others_run();
    CHECK(scene.gone == kBoth);
    co_await scene.close();
  });
}

TEST_CASE("task_orders: tasks whose worker was ended are gone when the TaskManager confirms it") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.task_manager.go_on.reset();
    for (TaskIndex task : kBoth) scene.enter(task, TaskStatus::canceling);
    scene.orders.end_worker(scene.id);
    co_await testing::let_others_run();
    CHECK(scene.task_manager.ended == std::vector<plan::Generation>{{5, 1}});
    CHECK(scene.gone.empty());
    scene.task_manager.go_on.set();
    co_await testing::let_others_run();
    CHECK(scene.gone == kBoth);
    CHECK(scene.workers_ended == 1);
    co_await scene.close();
  });
}

}  // namespace
}  // namespace weir::jobmanager
