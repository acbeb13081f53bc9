// A JobManager's table of jobs beside TaskManagers that accept every call.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/plan/chaining.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "proto/task_manager.pb.h"
#include "tests/support/plans.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"

namespace weir::jobmanager {

inline const TaskManagerId kReadyTaskManager = TaskManagerId::from_string("tm").value();

/// Stands in for a TaskManager behind its gateway: accepts every call, and remembers what was deployed.
class ReadyTaskManager final : public TaskManagerLink, private TaskManagerGateway {
 public:
  TaskManagerGateway& gateway() override { return *this; }
  Async<void> close() override { co_return; }

  std::vector<proto::DeployRequest> deployed;

 private:
  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime) override {
    deployed.push_back(std::move(request));
    co_return proto::DeployReply();
  }
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest, SteadyTime) override {
    co_return proto::CancelTasksReply();
  }
  Async<proto::EndJobReply> end_job(proto::EndJobRequest, SteadyTime) override { co_return proto::EndJobReply(); }
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest, SteadyTime) override {
    proto::ListLogsReply reply;
    auto& file = *reply.add_files();
    file.set_name("a.log");
    file.set_bytes(3);
    file.set_modified_ms(5);
    co_return reply;
  }
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest request, SteadyTime) override {
    if (request.kind() == proto::NAMED) co_return Error::user(ErrorCode::not_found, "no such file");
    throw std::bad_alloc();  // as any handler may
  }
};

/// Dials a ReadyTaskManager, which is connected at once.
class ReadyDialler final : public TaskManagerDialler {
 public:
  explicit ReadyDialler(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription&, LinkEvents events) override {
    asio::post(executor_, [connected = std::move(events.connected)] { connected(); });
    return task_manager;
  }
  std::shared_ptr<ReadyTaskManager> task_manager = std::make_shared<ReadyTaskManager>();

 private:
  asio::any_io_executor executor_;
};

/// Everything below REST. Lives on: the test's control thread; co_await close() at the end.
struct ReadyCluster {
  explicit ReadyCluster(asio::any_io_executor executor)
      : dialler(executor),
        registry(executor, clock, dialler, slots, RegistryOptions()),
        dispatcher(executor, clock, registry, slots, resources, DispatcherOptions()) {
    dispatcher.start();
    registry.start(dispatcher);
  }

  void add_task_manager(std::uint32_t slot_count) {
    TaskManagerDescription description;
    description.id = kReadyTaskManager;
    description.incarnation = Incarnation::random();
    description.host = "tm";
    description.rpc_port = 1;
    description.slots = slot_count;
    REQUIRE(registry.add(std::move(description), {}).ok());
  }
  /// A source and a sink, chained, at this parallelism.
  JobId submit(const std::string& name, int parallelism) {
    plan::PlanBuilder builder(name);
    const auto source = builder.source("in", parallelism);
    builder.sink("out", source, plan::Partitioner::forward, parallelism);
    SubmittedJob job;
    job.submission.id = JobId::random();
    job.submission.plan = builder.plan();
    job.graph = plan::make_job_graph(job.submission.plan, {}).value();
    const JobId id = job.submission.id;
    REQUIRE(dispatcher.submit(std::move(job)).ok());
    return id;
  }
  /// Reports a status of every task of the job.
  void report(const JobId& job, TaskStatus status) {
    std::vector<TaskReport> reports;
    const ExecutionGraph& tasks = dispatcher.find(job)->tasks();
    for (const TaskIndex task : tasks.all()) {
      TaskReport report;
      report.execution = tasks.attempt(task).execution;
      report.status = status;
      if (status == TaskStatus::failed) report.failure = Failure{"boom", "on purpose", "", clock.wall_now()};
      reports.push_back(std::move(report));
    }
    dispatcher.on_task_status(kReadyTaskManager, job, std::move(reports));
  }
  Async<void> close() {
    co_await dispatcher.close();
    co_await registry.close(clock.now());
  }

  testing::SimClock clock;
  SlotPool slots;
  StandaloneDriver resources;
  ReadyDialler dialler;
  TaskManagerRegistry registry;
  Dispatcher dispatcher;
};

}  // namespace weir::jobmanager
