#include "jobmanager/job/phase.h"

#include <doctest/doctest.h>

#include "jobmanager/job/ending_phase.h"

namespace weir::jobmanager {
namespace {

plan::JobGraph graph_of(int vertices, int parallelism) {
  plan::JobGraph graph;
  graph.job_name = "job";
  for (int i = 0; i < vertices; ++i) {
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.name = "v" + std::to_string(i);
    vertex.parallelism = parallelism;
    graph.vertices.push_back(vertex);
  }
  return graph;
}

/// Stands in for the job: does what a phase asks by writing it down.
class Recorder final : public PhaseContext {
 public:
  explicit Recorder(int vertices = 2, int parallelism = 1)
      : book_{ExecutionGraph(std::make_shared<const plan::JobGraph>(graph_of(vertices, parallelism)), now()),
              FailureHistory(16),
              {}} {}

  JobBook& book() override { return book_; }
  WallTime now() const override { return WallTime(std::chrono::milliseconds(1000)); }
  std::optional<SlotShortage> acquire_slots(std::span<const TaskIndex> tasks) override {
    if (!has_slots) return SlotShortage{{{"default", 1}}, 0, 0};
    for (TaskIndex task : tasks) {
      const char* name = task.vertex == 0 ? "a" : "b";
      book_.tasks.set_place(task, {*TaskManagerId::from_string(name), "host", 1}, task.subtask);
    }
    return std::nullopt;
  }
  void declare_demand(std::uint32_t slots) override { demands.push_back(slots); }
  void deploy(std::vector<TaskIndex> tasks) override {
    sent += "D";
    deployed_tasks = std::move(tasks);
  }
  void cancel(std::vector<TaskIndex>) override { sent += "C"; }
  void end_workers(std::span<const TaskIndex> tasks) override {
    sent += "E";
    ended_tasks.assign(tasks.begin(), tasks.end());
  }
  void wake_after(std::chrono::milliseconds delay) override { timer = delay; }
  void enter(std::unique_ptr<Phase> next) override {
    if (next_ == nullptr) next_ = std::move(next);
  }

  void run() {
    while (next_ != nullptr) {
      phase = std::move(next_);
      seen += std::string(name_of(phase->status())) + " ";
      phase->begin();
    }
  }
  void start() {
    enter(make_waiting_phase(*this));
    run();
  }
  void report(TaskIndex task, TaskStatus status, std::string message = "") {
    TaskReport report{book_.tasks.attempt(task).execution, status, std::nullopt, std::nullopt};
    if (status == TaskStatus::failed) report.failure = Failure{"boom", std::move(message), "", now()};
    if (!is_over(book_.tasks.attempt(task).status)) phase->on_task_status(task, report);
    run();
  }
  void deployed(const char* task_manager, Result<void> outcome = {}, bool is_uncertain = false) {
    const auto id = *TaskManagerId::from_string(task_manager);
    phase->on_deployed({id, book_.tasks.on(id), std::move(outcome), is_uncertain});
    run();
  }
  void gone(std::vector<TaskIndex> tasks) {
    phase->on_gone(tasks);
    run();
  }
  void cancel() {
    phase->cancel();
    run();
  }
  void timer_rings() {
    phase->on_timer();
    run();
  }
  TaskStatus status(TaskIndex task) { return book_.tasks.attempt(task).status; }

  bool has_slots = true;
  std::string sent, seen;
  std::vector<std::uint32_t> demands;
  std::vector<TaskIndex> deployed_tasks, ended_tasks;
  std::chrono::milliseconds timer{0};
  std::unique_ptr<Phase> phase;

 private:
  JobBook book_;
  std::unique_ptr<Phase> next_;
};

constexpr TaskIndex kFirst{0, 0}, kSecond{1, 0};

TEST_CASE("phases: a job with slots is deployed, runs and finishes when its last task does") {
  Recorder job;
  job.start();
  CHECK(job.seen == "CREATED RUNNING ");
  CHECK(job.sent == "D");
  CHECK(job.status(kFirst) == TaskStatus::deploying);
  job.deployed("a");
  job.report(kFirst, TaskStatus::initializing);
  job.report(kFirst, TaskStatus::running);
  job.deployed("b");
  job.report(kSecond, TaskStatus::running);
  CHECK(job.book().tasks.count(TaskStatus::running) == 2);
  job.report(kFirst, TaskStatus::finished);
  CHECK(job.phase->status() == JobStatus::running);
  job.report(kSecond, TaskStatus::finished);
  CHECK(job.phase->status() == JobStatus::finished);
  CHECK(job.book().failures.entries().empty());
}

TEST_CASE("phases: all tasks may finish before the last deployment has been answered") {
  Recorder job;
  job.start();
  job.report(kFirst, TaskStatus::finished);
  job.report(kSecond, TaskStatus::finished);
  CHECK(job.phase->status() == JobStatus::finished);
  job.deployed("a");
  job.deployed("b", Error::external(ErrorCode::unavailable, "late"));
  CHECK(job.phase->status() == JobStatus::finished);
}

TEST_CASE("phases: a job without slots waits, is woken by new ones, and fails with a sentence at its time-out") {
  Recorder job;
  job.has_slots = false;
  job.start();
  CHECK(job.seen == "CREATED ");
  CHECK(job.status(kFirst) == TaskStatus::scheduled);
  CHECK(job.timer == std::chrono::minutes(5));
  job.phase->on_slots_available();
  job.run();
  CHECK(job.phase->status() == JobStatus::created);
  CHECK(job.demands == std::vector<std::uint32_t>{1});

  SUBCASE("slots come") {
    job.has_slots = true;
    job.phase->on_slots_available();
    job.run();
    CHECK(job.sent == "D");
    CHECK(job.demands == std::vector<std::uint32_t>{1, 0});
  }
  SUBCASE("time is up") {
    job.timer_rings();
    CHECK(job.seen == "CREATED FAILING FAILED ");
    CHECK(job.demands == std::vector<std::uint32_t>{1, 0});
    CHECK(job.sent.empty());
    CHECK(job.status(kFirst) == TaskStatus::canceled);
    CHECK(job.book().failures.newest()->failure.message ==
          "Could not acquire the minimum required resources: the job needs 1 slots, and 0 of 0 registered slots are "
          "free after 300 s "
          "(slot.request.timeout); start more TaskManagers, raise taskmanager.numberOfTaskSlots or lower the "
          "parallelism");
  }
  SUBCASE("the user cancels") {
    job.cancel();
    CHECK(job.seen == "CREATED CANCELLING CANCELED ");
    CHECK(job.demands == std::vector<std::uint32_t>{1, 0});
    CHECK(job.sent.empty());
  }
}

TEST_CASE("phases: the first failure is the root cause, later ones are its echoes, and the others are cancelled") {
  Recorder job(3);
  job.start();
  job.report(kFirst, TaskStatus::running);
  job.report(kSecond, TaskStatus::failed, "first");
  CHECK(job.phase->status() == JobStatus::failing);
  CHECK(job.sent == "DC");
  job.report(kFirst, TaskStatus::failed, "echo");
  CHECK(job.status(kFirst) == TaskStatus::failed);
  job.report({2, 0}, TaskStatus::canceled);
  CHECK(job.phase->status() == JobStatus::failed);
  REQUIRE(job.book().failures.entries().size() == 1);
  const FailureEntry& entry = job.book().failures.entries()[0];
  CHECK(entry.root.failure.message == "first");
  CHECK(entry.root.task_name == "v1 (1/1) - execution #0");
  CHECK(entry.root.task_manager_id == "b");
  REQUIRE(entry.concurrent.size() == 1);
  CHECK(entry.concurrent[0].failure.message == "echo");
}

TEST_CASE("phases: a refused deployment fails the job with the TaskManager's sentence") {
  Recorder job;
  job.start();
  job.deployed("a", Error::external(ErrorCode::unavailable, "no artefact"));
  CHECK(job.phase->status() == JobStatus::failing);
  CHECK(job.book().failures.newest()->failure.message == "no artefact");
  CHECK(job.status(kFirst) == TaskStatus::failed);
  // The other one was still on its way: it has to hear the order to stop after it has arrived.
  CHECK(job.sent == "DC");
  job.deployed("b");
  CHECK(job.sent == "DCC");
  job.report(kSecond, TaskStatus::running);
  CHECK(job.status(kSecond) == TaskStatus::canceling);
  job.report(kSecond, TaskStatus::canceled);
  CHECK(job.phase->status() == JobStatus::failed);
}

TEST_CASE("phases: of a refused deployment no task is waited for") {
  Recorder job(3);
  job.start();
  job.deployed("b", Error::external(ErrorCode::io, "no space left"));
  CHECK(job.status(kSecond) == TaskStatus::failed);
  CHECK(job.status({2, 0}) == TaskStatus::canceled);
  job.deployed("a");
  job.report(kFirst, TaskStatus::canceled);
  CHECK(job.phase->status() == JobStatus::failed);
}

TEST_CASE("phases: cancelling ends in CANCELED, however the tasks end") {
  Recorder job(3);
  job.start();
  for (TaskIndex task : job.book().tasks.all()) job.report(task, TaskStatus::running);
  job.cancel();
  CHECK(job.phase->status() == JobStatus::cancelling);
  CHECK(job.timer == std::chrono::minutes(3) + EndingPhase::kGrace);
  job.cancel();
  job.report(kFirst, TaskStatus::canceled);
  job.report(kSecond, TaskStatus::failed, "in its way out");
  CHECK(job.status(kSecond) == TaskStatus::canceled);
  job.report({2, 0}, TaskStatus::finished);
  CHECK(job.phase->status() == JobStatus::canceled);
  CHECK(job.book().failures.entries().empty());
}

TEST_CASE("phases: tasks that never answer cost the job its workers, and are over when that is confirmed") {
  Recorder job;
  job.start();
  job.report(kFirst, TaskStatus::running);
  job.cancel();
  job.timer_rings();
  CHECK(job.sent == "DCE");
  CHECK(job.ended_tasks == std::vector<TaskIndex>{kFirst, kSecond});
  // Nobody has confirmed anything yet.
  CHECK(job.status(kFirst) == TaskStatus::canceling);
  CHECK(job.phase->status() == JobStatus::cancelling);
  job.gone({kFirst});
  CHECK(job.status(kFirst) == TaskStatus::canceled);
  CHECK(job.status(kSecond) == TaskStatus::canceling);
  job.gone({kSecond});
  CHECK(job.phase->status() == JobStatus::canceled);
}

TEST_CASE("phases: tasks that their TaskManager does not know when they are cancelled are over") {
  Recorder job;
  job.start();
  job.cancel();
  job.gone({kFirst, kSecond});
  CHECK(job.phase->status() == JobStatus::canceled);
}

TEST_CASE("phases: a deployment without a reply fails the job, and its tasks are waited for: they may run") {
  Recorder job;
  job.start();
  job.deployed("b", Error::external(ErrorCode::deadline_exceeded, "no reply in time"), true);
  CHECK(job.phase->status() == JobStatus::failing);
  CHECK(job.book().failures.newest()->failure.message == "no reply in time");
  CHECK(job.book().failures.newest()->task_manager_id == "b");
  CHECK(job.status(kSecond) == TaskStatus::canceling);
  job.report(kSecond, TaskStatus::running);
  CHECK(job.status(kSecond) == TaskStatus::canceling);
  job.report(kSecond, TaskStatus::canceled);
  job.gone({kFirst});
  CHECK(job.phase->status() == JobStatus::failed);
}

TEST_CASE("phases: a deployment that is known to nobody while the job ends is asked about once more") {
  Recorder job;
  job.start();
  job.cancel();
  job.deployed("a", Error::external(ErrorCode::cancelled, "not wanted any more"), true);
  CHECK(job.sent == "DCC");
  CHECK(job.status(kFirst) == TaskStatus::canceling);
}

TEST_CASE("phases: a failing job can be cancelled, a finished one can't be changed any more") {
  Recorder job;
  job.start();
  job.report(kFirst, TaskStatus::failed, "x");
  job.cancel();
  CHECK(job.phase->status() == JobStatus::cancelling);
  job.report(kSecond, TaskStatus::canceled);
  CHECK(job.phase->status() == JobStatus::canceled);
  job.cancel();
  job.timer_rings();
  CHECK(job.phase->status() == JobStatus::canceled);
}

TEST_CASE("phases: a task that is cancelled without anybody's order fails the job") {
  Recorder job;
  job.start();
  job.report(kFirst, TaskStatus::canceled);
  CHECK(job.phase->status() == JobStatus::failing);
  CHECK(job.book().failures.newest()->failure.exception == "task cancelled");
}

TEST_CASE("failure_history: keeps the newest root causes and says that older ones have gone") {
  FailureHistory history(2);
  history.add_concurrent({{"a", "", "", {}}, "", "", ""});
  CHECK(history.entries().size() == 1);
  for (const char* name : {"b", "c"}) history.add_root({{name, "", "", {}}, "", "", ""});
  CHECK(history.entries().size() == 2);
  CHECK(history.list()->is_truncated);
  CHECK(history.entries().front().root.failure.exception == "b");
  for (int i = 0; i < 100; ++i) history.add_concurrent({{"echo", "", "", {}}, "", "", ""});
  CHECK(history.entries().back().concurrent.size() == FailureHistory::kConcurrentMax);
}

}  // namespace
}  // namespace weir::jobmanager
