#include "jobmanager/cluster/task_manager_registry.h"

#include <doctest/doctest.h>

#include "common/observe/log.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"

namespace weir::jobmanager {
namespace {

using testing::run_coroutine;

/// A way to a TaskManager that takes no calls: these tests make none.
class SilentLink final : public TaskManagerLink {
 public:
  TaskManagerGateway& gateway() override { std::abort(); }
  Async<void> close() override { co_return; }
};

class SilentDialler final : public TaskManagerDialler {
 public:
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription&, LinkEvents events) override {
    this->events.push_back(std::move(events));
    return std::make_shared<SilentLink>();
  }
  std::vector<LinkEvents> events;
};

class Losses final : public TaskManagerListener {
 public:
  void on_slots_available() override {}
  void on_task_manager_lost(const TaskManagerId&, const std::string& reason) override { reasons.push_back(reason); }
  std::vector<std::string> reasons;
};

struct Scene {
  explicit Scene(ControlThread& control) : registry(control.executor(), clock, dialler, slots, RegistryOptions()) {
    log::set_level(log::Level::off);
    registry.start(losses);
  }
  Result<std::vector<plan::JobWorker>> add(const Incarnation& incarnation, std::uint16_t port) {
    TaskManagerDescription description;
    description.id = TaskManagerId::from_string("tm").value();
    description.incarnation = incarnation;
    description.host = "host";
    description.rpc_port = port;
    description.data_port = 1;
    description.slots = 1;
    return registry.add(std::move(description), {});
  }
  bool is_registered(const Incarnation& incarnation) const {
    return registry.is_registered(TaskManagerId::from_string("tm").value(), incarnation);
  }
  testing::SimClock clock;
  SilentDialler dialler;
  SlotPool slots;
  Losses losses;
  TaskManagerRegistry registry;
};

TEST_CASE("registry: two processes of one id do not replace each other for ever, the later one stays") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    const Incarnation first = Incarnation::random();
    const Incarnation second = Incarnation::random();
    CHECK(scene.add(first, 1).ok());
    CHECK(scene.add(second, 2).ok());
    CHECK(scene.losses.reasons.size() == 1);
    for (int again = 0; again < 5; ++again) {
      const auto refused = scene.add(first, 1);
      CHECK(!refused.ok());
      CHECK(refused.error().code == ErrorCode::already_exists);
      CHECK(refused.error().message.find("taskmanager.resource-id") != std::string::npos);
      CHECK(scene.add(second, 2).ok());
    }
    CHECK(scene.is_registered(second));
    CHECK(scene.losses.reasons.size() == 1);
    co_await scene.registry.close(scene.clock.now());
  });
}

TEST_CASE("registry: a superseded process is remembered over further ones, and free to come once its id is") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    const Incarnation first = Incarnation::random();
    const Incarnation second = Incarnation::random();
    const Incarnation third = Incarnation::random();
    CHECK(scene.add(first, 1).ok());
    CHECK(scene.add(second, 2).ok());
    CHECK(scene.add(third, 3).ok());
    CHECK(!scene.add(first, 1).ok());
    CHECK(!scene.add(second, 2).ok());
    scene.dialler.events.back().lost("connection refused");
    CHECK(!scene.is_registered(third));
    CHECK(scene.add(first, 1).ok());
    CHECK(scene.is_registered(first));
    co_await scene.registry.close(scene.clock.now());
  });
}

TEST_CASE("registry: the same process may register again and keeps its place") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    const Incarnation only = Incarnation::random();
    for (int again = 0; again < 3; ++again) CHECK(scene.add(only, 1).ok());
    CHECK(scene.losses.reasons.empty());
    CHECK(scene.dialler.events.size() == 1);
    co_await scene.registry.close(scene.clock.now());
  });
}

}  // namespace
}  // namespace weir::jobmanager
