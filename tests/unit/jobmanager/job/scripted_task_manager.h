// A TaskManager at the other end of a job's orders.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "common/async/event.h"
#include "common/gateway/task_manager_gateway.h"
#include "jobmanager/cluster/task_manager_link.h"
#include "proto/task_manager.pb.h"
#include "tests/support/deployments.h"

namespace weir::jobmanager {

/// A TaskManager whose next answers a test has written down.
class ScriptedTaskManager final : public TaskManagerGateway {
 public:
  explicit ScriptedTaskManager(asio::any_io_executor executor) : go_on(executor) { go_on.set(); }

  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime) override {
    std::vector<ExecutionId> executions;
    for (const auto& placed : testing::placed_tasks(request)) executions.push_back(placed.execution);
    deployed.push_back(std::move(executions));
    generations.push_back(plan::decode_generation(request.generation()));
    const Result<proto::DeployReply> answer =
        next_deploy.empty() ? Result<proto::DeployReply>(proto::DeployReply()) : next_deploy.front();
    if (!next_deploy.empty()) next_deploy.pop_front();
    co_await go_on.wait();
    co_return answer;
  }
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime) override {
    ++cancels;
    proto::CancelTasksReply reply;
    for (const auto& execution : request.executions()) {
      if (knows_nothing) reply.add_unknown(execution);
    }
    co_return reply;
  }
  Async<proto::EndJobReply> end_job(proto::EndJobRequest request, SteadyTime) override {
    ended.push_back(plan::decode_generation(request.generation()));
    co_await go_on.wait();
    co_return proto::EndJobReply();
  }
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest, SteadyTime) override {
    co_return Error::user(ErrorCode::not_found, "no logs");
  }
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest, SteadyTime) override {
    co_return Error::user(ErrorCode::not_found, "no logs");
  }

  std::deque<Result<proto::DeployReply>> next_deploy;
  bool knows_nothing = false;
  Event go_on;
  std::vector<std::vector<ExecutionId>> deployed;
  std::vector<plan::Generation> generations, ended;
  int cancels = 0;
};

class ScriptedLink final : public TaskManagerLink {
 public:
  explicit ScriptedLink(TaskManagerGateway& gateway) : gateway_(gateway) {}
  TaskManagerGateway& gateway() override { return gateway_; }
  Async<void> close() override { co_return; }

 private:
  TaskManagerGateway& gateway_;
};

/// Links to one TaskManager, connected at once.
class ScriptedDialler final : public TaskManagerDialler {
 public:
  ScriptedDialler(asio::any_io_executor executor, TaskManagerGateway& gateway)
      : executor_(std::move(executor)), gateway_(gateway) {}
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription&, LinkEvents events) override {
    asio::post(executor_, [connected = std::move(events.connected)] { connected(); });
    return std::make_shared<ScriptedLink>(gateway_);
  }

 private:
  asio::any_io_executor executor_;
  TaskManagerGateway& gateway_;
};

inline TaskManagerDescription described(const TaskManagerId& id, std::uint32_t slots) {
  TaskManagerDescription description;
  description.id = id;
  description.incarnation = Incarnation::random();
  description.host = "host";
  description.rpc_port = 1;
  description.data_port = 2;
  description.slots = slots;
  return description;
}

}  // namespace weir::jobmanager
