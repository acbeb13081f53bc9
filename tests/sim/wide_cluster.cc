#include "tests/sim/wide_cluster.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ensure.h"
#include "common/plan/chaining.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "proto/task_manager.pb.h"
#include "tests/support/deployments.h"
#include "tests/support/plans.h"
#include "tests/support/run_coroutine.h"

namespace weir::sim {

namespace {

using namespace weir::jobmanager;

/// Takes every deployment whole, says nothing of its tasks, and does not know them when they are cancelled.
class WideTaskManager final : public TaskManagerGateway {
 public:
  WideTaskManager(std::uint32_t slots, WideDeployment& counted) : slots_(slots), counted_(counted) {}

  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime) override {
    const std::string bytes = request.SerializeAsString();
    ++counted_.messages;
    counted_.bytes += bytes.size();
    counted_.largest_bytes = std::max<std::uint64_t>(counted_.largest_bytes, bytes.size());
    proto::DeployRequest decoded;
    ENSURE(decoded.ParseFromString(bytes), "a deployment that can't be read");
    for (const auto& task : testing::placed_tasks(decoded)) ENSURE(task.slot < slots_, "slot {}", task.slot);
    proto::DeployReply reply;
    co_return reply;
  }
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime) override {
    proto::CancelTasksReply reply;
    for (const auto& execution : request.executions()) reply.add_unknown(execution);
    co_return reply;
  }
  Async<proto::EndJobReply> end_job(proto::EndJobRequest, SteadyTime) override { co_return proto::EndJobReply(); }
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest, SteadyTime) override {
    co_return Error::user(ErrorCode::not_found, "no logs");
  }
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest, SteadyTime) override {
    co_return Error::user(ErrorCode::not_found, "no logs");
  }

 private:
  const std::uint32_t slots_;
  WideDeployment& counted_;
};

class WideLink final : public TaskManagerLink {
 public:
  explicit WideLink(TaskManagerGateway& gateway) : gateway_(gateway) {}
  TaskManagerGateway& gateway() override { return gateway_; }
  Async<void> close() override { co_return; }

 private:
  TaskManagerGateway& gateway_;
};

class WideDialler final : public TaskManagerDialler {
 public:
  WideDialler(asio::any_io_executor executor, TaskManagerGateway& gateway)
      : executor_(std::move(executor)), gateway_(gateway) {}
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription&, LinkEvents events) override {
    asio::post(executor_, [connected = std::move(events.connected)] { connected(); });
    return std::make_shared<WideLink>(gateway_);
  }

 private:
  asio::any_io_executor executor_;
  TaskManagerGateway& gateway_;
};

/// Runs whenever it may, and remembers the longest time that it had to wait.
Async<void> watch_stalls(std::chrono::nanoseconds& longest) {
  auto last = std::chrono::steady_clock::now();
  for (;;) {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    const auto now = std::chrono::steady_clock::now();
    longest = std::max<std::chrono::nanoseconds>(longest, now - last);
    last = now;
  }
}

TaskManagerDescription describe(std::size_t number, std::uint32_t slots) {
  TaskManagerDescription description;
  description.id = *TaskManagerId::from_string("10.0.0." + std::to_string(number) + ":6122-a1b2c3");
  description.incarnation = Incarnation::random();
  description.host = "10.0.0." + std::to_string(number);
  description.rpc_port = 6122;
  description.data_port = 6121;
  description.slots = slots;
  return description;
}

SubmittedJob plan_job(int parallelism) {
  SubmittedJob planned;
  plan::PlanBuilder builder("wide");
  builder.sink("sink", builder.source("source"), plan::Partitioner::hash);
  planned.submission.id = JobId::random();
  planned.submission.plan = builder.plan();
  auto graph = plan::make_job_graph(planned.submission.plan, {.default_parallelism = parallelism});
  ENSURE(graph.ok(), "{}", graph.error().message);
  planned.graph = *graph;
  return planned;
}

Async<void> run(ControlThread& control, int parallelism, std::uint32_t slots_each, WideDeployment& counted) {
  SystemClock clock;
  SlotPool slots;
  StandaloneDriver resources;
  WideTaskManager task_manager(slots_each, counted);
  WideDialler dialler(control.executor(), task_manager);
  RegistryOptions registry_options;
  registry_options.heartbeat_timeout = std::chrono::hours(1);
  TaskManagerRegistry registry(control.executor(), clock, dialler, slots, registry_options);
  Dispatcher dispatcher(control.executor(), clock, registry, slots, resources, DispatcherOptions());
  dispatcher.start();
  registry.start(dispatcher);
  const std::size_t count = (static_cast<std::size_t>(parallelism) + slots_each - 1) / slots_each;
  for (std::size_t i = 0; i < count; ++i) ENSURE(registry.add(describe(i, slots_each), {}).ok(), "not registered");
  co_await testing::let_others_run();

  TaskScope watching(control.executor(), "test");
  watching.start("watch", watch_stalls(counted.longest_stall));
  const auto begin = std::chrono::steady_clock::now();
  SubmittedJob planned = plan_job(parallelism);
  const JobId id = planned.submission.id;
  counted.tasks = planned.graph.task_count();
  ENSURE(dispatcher.submit(std::move(planned)).ok(), "not submitted");
  while (counted.messages < count) co_await asio::post(control.executor(), asio::use_awaitable);
  counted.time = std::chrono::steady_clock::now() - begin;
  const Job* const job = dispatcher.find(id);
  counted.is_running = job != nullptr && job->status() == JobStatus::running;
  (void)dispatcher.cancel(id);
  while (dispatcher.find(id) != nullptr && dispatcher.find(id)->status() == JobStatus::cancelling)
    co_await asio::post(control.executor(), asio::use_awaitable);
  const Job* const ended = dispatcher.find(id);
  counted.is_canceled = ended != nullptr && ended->status() == JobStatus::canceled;
  co_await watching.close();
  co_await dispatcher.close();
  co_await registry.close(clock.now() + std::chrono::seconds(10));
}

}  // namespace

WideDeployment deploy_wide(int parallelism, std::uint32_t slots_per_task_manager) {
  WideDeployment counted;
  ControlThread control("wide");
  control.run_to_end(run(control, parallelism, slots_per_task_manager, counted));
  return counted;
}

}  // namespace weir::sim
