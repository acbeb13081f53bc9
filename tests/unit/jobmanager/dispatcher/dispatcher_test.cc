#include "jobmanager/dispatcher/dispatcher.h"

#include <doctest/doctest.h>

#include "tests/unit/jobmanager/dispatcher/ready_cluster.h"

namespace weir::jobmanager {
namespace {

using testing::let_others_run;
using testing::run_coroutine;

TEST_CASE("dispatcher: the same details are handed out until the job changes, and unchanged vertices stay shared") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    const JobId id = cluster.submit("job", 2);
    const auto waiting = *cluster.dispatcher.details(id);
    CHECK(waiting->status == JobStatus::created);
    CHECK(waiting->facts->name == "job");
    REQUIRE(waiting->vertices.size() == 1);
    CHECK(waiting->vertices[0]->subtasks.size() == 2);
    CHECK(*cluster.dispatcher.details(id) == waiting);
    CHECK(cluster.dispatcher.all_details().front() == waiting);

    cluster.add_task_manager(2);
    co_await let_others_run();
    const auto running = *cluster.dispatcher.details(id);
    CHECK(running != waiting);
    CHECK(running->status == JobStatus::running);
    CHECK(running->facts == waiting->facts);
    CHECK(running->failures == waiting->failures);
    CHECK(running->vertices[0] != waiting->vertices[0]);
    CHECK(waiting->vertices[0]->subtasks[0].status == TaskStatus::scheduled);
    CHECK(*cluster.dispatcher.details(id) == running);

    // The job's own status changes, and no task's.
    CHECK(cluster.dispatcher.cancel(id).ok());
    CHECK((*cluster.dispatcher.details(id))->status == JobStatus::cancelling);
    co_await cluster.close();
  });
}

TEST_CASE("dispatcher: counters make new details, and leave the list of jobs as it is") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    cluster.add_task_manager(1);
    const JobId id = cluster.submit("job", 1);
    co_await let_others_run();
    cluster.report(id, TaskStatus::running);
    const auto before = *cluster.dispatcher.details(id);
    const auto list = cluster.dispatcher.list();
    CHECK(!before->vertices[0]->subtasks[0].has_counted);
    const ExecutionId execution = cluster.dispatcher.find(id)->tasks().attempt({0, 0}).execution;
    TaskCounters counters;
    counters.records_in = 10;
    cluster.dispatcher.on_counters(kReadyTaskManager, execution, counters);
    cluster.clock.advance(std::chrono::seconds(2));
    counters.records_in = 30;
    cluster.dispatcher.on_counters(kReadyTaskManager, execution, counters);
    const auto after = *cluster.dispatcher.details(id);
    REQUIRE(after != before);
    CHECK(after->vertices[0]->subtasks[0].has_counted);
    CHECK(after->vertices[0]->subtasks[0].counters.records_in == 30);
    CHECK(after->vertices[0]->subtasks[0].rates.records_in == 10);
    CHECK(before->vertices[0]->subtasks[0].counters.records_in == 0);
    CHECK(cluster.dispatcher.list() == list);
    co_await cluster.close();
  });
}

TEST_CASE("dispatcher: the list is made anew when a job comes, changes, ends or is forgotten, and only then") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    cluster.add_task_manager(1);
    co_await let_others_run();
    const auto empty = cluster.dispatcher.list();
    CHECK(empty->empty());
    CHECK(cluster.dispatcher.list() == empty);
    const JobId first = cluster.submit("first", 1);
    cluster.clock.advance(std::chrono::seconds(1));
    const JobId second = cluster.submit("second", 1);
    co_await let_others_run();
    const auto two = cluster.dispatcher.list();
    REQUIRE(two->size() == 2);
    CHECK((*two)[0].name == "first");
    CHECK((*two)[0].status == JobStatus::running);
    CHECK((*two)[1].status == JobStatus::created);
    CHECK(cluster.dispatcher.list() == two);

    cluster.report(first, TaskStatus::finished);
    co_await let_others_run();
    const auto ended = cluster.dispatcher.list();
    REQUIRE(ended != two);
    REQUIRE(ended->size() == 2);
    CHECK((*ended)[0].name == "first");
    CHECK((*ended)[0].status == JobStatus::finished);
    CHECK((*ended)[0].end == cluster.clock.wall_now());
    CHECK((*ended)[0].tasks[static_cast<std::size_t>(TaskStatus::finished)] == 1);
    CHECK((*ended)[1].status == JobStatus::running);
    CHECK(cluster.dispatcher.find(first) == nullptr);
    CHECK((*cluster.dispatcher.details(first))->facts->name == "first");

    cluster.clock.advance(std::chrono::hours(2));
    co_await let_others_run();
    const auto later = cluster.dispatcher.list();
    CHECK(std::none_of(later->begin(), later->end(), [&](const JobSummary& job) { return job.id == first; }));
    CHECK(cluster.dispatcher.details(first).error().code == ErrorCode::not_found);
    (void)second;
    co_await cluster.close();
  });
}

TEST_CASE("dispatcher: a failed job is remembered with its cause, and can't be cancelled") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    cluster.add_task_manager(2);
    const JobId id = cluster.submit("job", 2);
    co_await let_others_run();
    cluster.report(id, TaskStatus::failed);
    co_await let_others_run();
    const auto details = cluster.dispatcher.details(id);
    REQUIRE(details.ok());
    CHECK((*details)->status == JobStatus::failed);
    REQUIRE((*details)->failures->entries.size() == 1);
    const FailureEntry& entry = (*details)->failures->entries.front();
    CHECK(entry.root.failure.message == "on purpose");
    CHECK(entry.concurrent.size() == 1);
    CHECK((*details)->end() == cluster.clock.wall_now());
    CHECK(cluster.dispatcher.cancel(id).error().code == ErrorCode::failed_precondition);
    CHECK(cluster.dispatcher.cancel(JobId::random()).error().code == ErrorCode::not_found);
    co_await cluster.close();
  });
}

}  // namespace
}  // namespace weir::jobmanager
