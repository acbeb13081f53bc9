#include <doctest/doctest.h>

#include <thread>

#include "jobmanager/backend/control_cluster_backend.h"
#include "jobmanager/backend/control_job_backend.h"
#include "jobmanager/backend/question.h"
#include "tests/unit/jobmanager/dispatcher/ready_cluster.h"

namespace weir::jobmanager {
namespace {

using testing::let_others_run;
using testing::run_coroutine;

/// A Reply that keeps the outcome.
template <class T>
rest::Reply<T> keep(std::optional<Result<T>>& outcome) {
  return [&outcome](Result<T> value) { outcome = std::move(value); };
}

TEST_CASE("question: an exception on the control thread becomes an internal error for the one who asked") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    std::optional<Result<int>> number;
    ask<int>(control.executor(), keep(number), []() -> Result<int> { throw std::bad_alloc(); });
    CHECK(!number.has_value());
    co_await let_others_run();
    REQUIRE(number.has_value());
    CHECK(number->error().code == ErrorCode::internal);
    ask<int>(control.executor(), keep(number), []() -> Result<int> { return 7; });
    co_await let_others_run();
    CHECK(**number == 7);
  });
}

TEST_CASE("backend: jobs asked for from another thread are the dispatcher's own immutable values") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    ControlJobBackend backend(control.executor(), cluster.dispatcher);
    const JobId id = cluster.submit("job", 2);
    std::optional<Result<rest::Shared<JobDetails>>> details;
    std::optional<Result<rest::Shared<JobList>>> list;
    std::optional<Result<std::vector<rest::Shared<JobDetails>>>> all;
    std::optional<Result<void>> cancelled;
    std::thread asker([&] {
      backend.details(id, keep(details));
      backend.jobs(keep(list));
      backend.all_details(keep(all));
      backend.cancel(JobId::random(), keep(cancelled));
    });
    asker.join();
    co_await let_others_run();
    REQUIRE(cancelled.has_value());
    CHECK(**details == *cluster.dispatcher.details(id));
    CHECK(**list == cluster.dispatcher.list());
    CHECK((*all)->size() == 1);
    CHECK(cancelled->error().code == ErrorCode::not_found);
    co_await cluster.close();
  });
}

TEST_CASE("backend: the overview and the TaskManagers show slots and who holds them") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    bool is_ending = false;
    ControlClusterBackend backend(control.executor(), cluster.clock, cluster.dispatcher, cluster.registry,
                                  cluster.slots, [&is_ending] { is_ending = true; });
    cluster.add_task_manager(3);
    const JobId id = cluster.submit("job", 2);
    co_await let_others_run();
    std::optional<Result<rest::Shared<ClusterOverview>>> overview;
    std::optional<Result<rest::Shared<std::vector<TaskManagerDetails>>>> task_managers;
    backend.overview(keep(overview));
    backend.task_managers(keep(task_managers));
    co_await let_others_run();
    CHECK((**overview)->task_managers == 1);
    CHECK((**overview)->slots_total == 3);
    CHECK((**overview)->slots_available == 1);
    CHECK((**overview)->jobs->size() == 1);
    REQUIRE((**task_managers)->size() == 1);
    const TaskManagerDetails& one = (**task_managers)->front();
    CHECK(one.description.id.to_string() == "tm");
    CHECK(one.holders.size() == 3);
    CHECK(std::count(one.holders.begin(), one.holders.end(), std::optional<JobId>(id)) == 2);

    std::optional<Result<void>> ended;
    backend.shut_down(keep(ended));
    co_await let_others_run();
    CHECK(ended->ok());
    CHECK(is_ending);
    co_await backend.close();
    co_await cluster.close();
  });
}

TEST_CASE("backend: log questions reply with the TaskManager's words, and with an error when they fail or throw") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    ReadyCluster cluster(control.executor());
    ControlClusterBackend backend(control.executor(), cluster.clock, cluster.dispatcher, cluster.registry,
                                  cluster.slots, [] {});
    cluster.add_task_manager(1);
    co_await let_others_run();
    std::optional<Result<std::vector<rest::LogFile>>> files, nobody;
    std::optional<Result<rest::LogPiece>> named, thrown;
    backend.list_logs("tm", keep(files));
    backend.list_logs("other", keep(nobody));
    backend.read_log("tm", {rest::LogChoice::Kind::named, "x"}, 0, keep(named));
    backend.read_log("tm", {rest::LogChoice::Kind::log, ""}, 0, keep(thrown));
    co_await let_others_run();
    REQUIRE(files->ok());
    CHECK((*files)->front().name == "a.log");
    CHECK((*files)->front().modified == WallTime(std::chrono::milliseconds(5)));
    CHECK(nobody->error().code == ErrorCode::not_found);
    CHECK(named->error().code == ErrorCode::not_found);
    REQUIRE(thrown.has_value());
    CHECK(thrown->error().code == ErrorCode::internal);
    co_await backend.close();
    co_await cluster.close();
  });
}

}  // namespace
}  // namespace weir::jobmanager
