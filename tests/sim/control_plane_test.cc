// The JobManager's control plane in one thread and in no time: TaskManagers come, refuse, hang, die and return; jobs
// are submitted and cancelled. WEIR_TEST_SEED=N repeats one run.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "common/async/awake_clock.h"
#include "common/observe/log.h"
#include "common/plan/chaining.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/dispatcher/job_manager_service.h"
#include "proto/job_manager.pb.h"
#include "tests/sim/sim_task_manager.h"
#include "tests/support/plans.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"

namespace weir::sim {
namespace {

using namespace weir::jobmanager;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kStep{25};

RegistryOptions registry_options() {
  RegistryOptions options;
  options.heartbeat_timeout = milliseconds(1'500);
  options.call_timeout = milliseconds(1'000);
  return options;
}

DispatcherOptions dispatcher_options() {
  DispatcherOptions options;
  options.job.timeouts = {seconds(4), seconds(3), seconds(3), seconds(1)};
  options.finished.kept_for = std::chrono::hours(1);
  return options;
}

/// Remembers what jobs wait for.
class DemandLog final : public ResourceDriver {
 public:
  void declare(const JobId& job, std::uint32_t slots) override {
    if (slots == 0) {
      demands_.erase(job);
    } else {
      demands_[job] = slots;
    }
  }
  std::uint32_t of(const JobId& job) const {
    const auto found = demands_.find(job);
    return found == demands_.end() ? 0 : found->second;
  }

 private:
  std::map<JobId, std::uint32_t> demands_;
};

class Simulation {
 public:
  Simulation(asio::any_io_executor executor, std::uint64_t seed, const Mischief& mischief = Mischief())
      : random_(seed),
        executor_(executor),
        clock_(executor, machine_, stall_allowance(registry_options().heartbeat_timeout)),
        registry_(executor, clock_, dialler_, slots_, registry_options()),
        dispatcher_(executor, clock_, registry_, slots_, demands_, dispatcher_options()),
        service_(registry_, dispatcher_, {Incarnation::random(), "blobs:1"}) {
    const std::uint64_t count = 1 + random_() % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint16_t port = static_cast<std::uint16_t>(10 + i);
      auto made = std::make_unique<SimTaskManager>("tm" + std::to_string(port), 1 + random_() % 4, executor, clock_,
                                                   service_, random_, mischief);
      dialler_.add(port, *made);
      task_managers_.push_back(std::move(made));
    }
  }

  void start() {
    clock_.start();
    dispatcher_.start();
    registry_.start(dispatcher_);
    for (const auto& task_manager : task_managers_) task_manager->start();
  }

  /// Everybody lives and has registered; then the machine stands still for longer than heartbeat.timeout.
  Async<void> run_over_a_pause() {
    start();
    for (int step = 0; step < 40; ++step) co_await pass(kStep);
    const auto before = registrations();
    CHECK(before.size() == task_managers_.size());
    for (int pause = 0; pause < 3; ++pause) {
      machine_.advance(10 * registry_options().heartbeat_timeout);
      for (int step = 0; step < 80; ++step) co_await pass(kStep);
      CHECK(registrations() == before);
    }
    co_await stop();
  }

  /// A job runs for ever; its worker goes without a word. @return how long the JobManager believed in it
  Async<milliseconds> run_over_a_lost_worker() {
    start();
    for (int step = 0; step < 40; ++step) co_await pass(kStep);
    submit();
    const JobId job = jobs_.back();
    for (int step = 0; step < 400 && !has_running_task(job); ++step) co_await pass(kStep);
    if (!has_running_task(job)) {  // it needed more slots than there are
      co_await stop();
      co_return milliseconds(0);
    }
    for (const auto& task_manager : task_managers_) task_manager->lose_a_worker();
    milliseconds waited{0};
    for (; waited < seconds(10) && has_running_task(job); waited += kStep) co_await pass(kStep);
    CHECK(!has_running_task(job));
    for (int step = 0; step < 400; ++step) co_await pass(kStep);
    CHECK(slots_.available() == slots_.total());
    co_await stop();
    co_return waited;
  }

  Async<void> run() {
    start();
    for (int step = 0; step < 600; ++step) {
      act();
      co_await pass(kStep);
      check_now();
    }
    // From here on nothing goes wrong any more, and everything has to come to an end.
    for (const auto& task_manager : task_managers_) {
      task_manager->recover();
      if (!task_manager->is_alive()) task_manager->start();
    }
    for (const auto& job : jobs_) {
      auto cancelled = dispatcher_.cancel(job);
      if (!cancelled.ok()) CHECK(cancelled.error().code == ErrorCode::failed_precondition);
    }
    for (int step = 0; step < 1200; ++step) co_await pass(kStep);
    check();
    co_await stop();
  }

 private:
  bool has_running_task(const JobId& id) const {
    const Job* job = dispatcher_.find(id);
    return job != nullptr && job->tasks().count(TaskStatus::running) > 0;
  }

  /// Who is registered, and since when.
  std::map<std::string, SteadyTime> registrations() const {
    std::map<std::string, SteadyTime> all;
    for (const auto* entry : registry_.all()) all.emplace(entry->description.id.to_string(), entry->registered_at);
    return all;
  }

  Async<void> pass(milliseconds time) {
    co_await testing::let_others_run();
    machine_.advance(time);
    co_await testing::let_others_run();
  }

  /// What must hold at every moment.
  void check_now() {
    for (const auto& id : jobs_) {
      const Job* const job = dispatcher_.find(id);
      if (job == nullptr) continue;
      CHECK((demands_.of(id) > 0) == job->is_waiting());
      for (const TaskIndex& task : job->tasks().all()) {
        const Attempt& attempt = job->tasks().attempt(task);
        if (attempt.status != TaskStatus::canceled || !attempt.place) continue;
        for (const auto& task_manager : task_managers_) {
          // One that was lost meanwhile may run what the JobManager has given up.
          if (task_manager->registrations() > 1 || task_manager->name() != attempt.place->id.to_string()) continue;
          if (registry_.find(attempt.place->id) == nullptr) continue;
          if (task_manager->runs(attempt.execution))
            FAIL_CHECK("a task is CANCELED and runs on " << task_manager->name());
        }
      }
    }
  }

  void act() {
    SimTaskManager& task_manager = *task_managers_[random_() % task_managers_.size()];
    switch (random_() % 100) {
      case 0:
        if (task_manager.is_alive()) task_manager.die();
        break;
      case 1:
      case 2:
      case 3:
        if (!task_manager.is_alive()) task_manager.start();
        break;
      case 4: task_manager.hang(); break;
      case 5:
      case 6: task_manager.recover(); break;
      case 7:
      case 8:
      case 9: submit(); break;
      case 10:
        if (!jobs_.empty()) (void)dispatcher_.cancel(jobs_[random_() % jobs_.size()]);
        break;
      case 12: task_manager.lose_a_worker(); break;
      case 11: machine_.advance(milliseconds(random_() % 10'000)); break;
      default: break;
    }
  }

  void submit() {
    SubmittedJob planned;
    JobSubmission& submission = planned.submission;
    submission.id = JobId::random();
    submission.plan = plan::random_plan(random_());
    submission.plan.parallelism = 1 + static_cast<int>(random_() % 3);
    for (auto& planned : submission.plan.operators) planned.parallelism = std::min(planned.parallelism, 3);
    auto graph = plan::make_job_graph(submission.plan, {});
    REQUIRE(graph.ok());
    planned.graph = *graph;
    jobs_.push_back(submission.id);
    CHECK(dispatcher_.submit(std::move(planned)).ok());
  }

  void check() {
    for (const auto& job : jobs_) {
      auto details = dispatcher_.details(job);
      REQUIRE(details.ok());
      CHECK_MESSAGE(is_over((*details)->status), name_of((*details)->status));
      CHECK(dispatcher_.find(job) == nullptr);
      CHECK(demands_.of(job) == 0);
      for (const auto& vertex : (*details)->vertices) {
        for (const auto& subtask : vertex->subtasks) CHECK(is_over(subtask.status));
      }
      if ((*details)->status == JobStatus::failed) CHECK(!(*details)->failures->entries.empty());
    }
    CHECK(registry_.all().size() == task_managers_.size());
    CHECK(slots_.available() == slots_.total());
    for (const auto& task_manager : task_managers_) {
      CHECK(slots_.contains(*TaskManagerId::from_string(task_manager->name())));
      CHECK(task_manager->jobs().empty());
      for (const auto& sentence : task_manager->broken_promises()) FAIL_CHECK(sentence);
    }
  }

  Async<void> stop() {
    for (const auto& task_manager : task_managers_) co_await task_manager->close();
    co_await dispatcher_.close();
    co_await registry_.close(clock_.now());
    co_await clock_.stop();
  }

  std::mt19937_64 random_;
  asio::any_io_executor executor_;
  testing::SimClock machine_;
  AwakeClock clock_;
  SlotPool slots_;
  DemandLog demands_;
  SimDialler dialler_;
  TaskManagerRegistry registry_;
  Dispatcher dispatcher_;
  JobManagerService service_;
  std::vector<std::unique_ptr<SimTaskManager>> task_managers_;
  std::vector<JobId> jobs_;
};

Async<void> simulate(ControlThread& control, std::uint64_t seed) {
  Simulation simulation(control.executor(), seed);
  co_await simulation.run();
}

Async<void> simulate_a_pause(ControlThread& control, std::uint64_t seed) {
  Simulation simulation(control.executor(), seed);
  co_await simulation.run_over_a_pause();
}

TEST_CASE("control plane: a machine that stands still for longer than heartbeat.timeout loses no TaskManager") {
  log::set_level(log::Level::off);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    ControlThread control("simulation");
    control.run_to_end(simulate_a_pause(control, seed));
  }
}

Async<milliseconds> simulate_a_lost_worker(ControlThread& control, std::uint64_t seed) {
  Mischief none;
  none = {.deploy_refused = 0,
          .task_fails = 0,
          .task_never_ends = 100,
          .ignores_cancel = 0,
          .report_doubled = 0,
          .call_lost = 0};
  Simulation simulation(control.executor(), seed, none);
  co_return co_await simulation.run_over_a_lost_worker();
}

TEST_CASE("control plane: a worker that goes without a word is noticed within a heartbeat and its time-out") {
  log::set_level(log::Level::off);
  const auto most = registry_options().heartbeat_timeout + milliseconds(500);
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    ControlThread control("simulation");
    const auto waited = control.run_to_end(simulate_a_lost_worker(control, seed));
    REQUIRE(waited.ok());
    CHECK(*waited <= most);
    lost += waited->count() > 0 ? 1 : 0;
  }
  CHECK(lost > 10);
}

TEST_CASE("control plane: whatever TaskManagers do, every job ends and no slot is lost or given twice") {
  const char* given = std::getenv("WEIR_TEST_SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const std::uint64_t count = given != nullptr ? 1 : 200;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("seed " << seed << ": repeat with WEIR_TEST_SEED=" << seed);
    log::set_level(given != nullptr ? log::Level::info : log::Level::off);
    ControlThread control("simulation");
    control.run_to_end(simulate(control, seed));
  }
}

}  // namespace
}  // namespace weir::sim
