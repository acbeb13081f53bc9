#include "jobmanager/job/task_orders.h"

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "common/observe/log.h"
#include "common/rpc/error_codec.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::milliseconds kRetryDelay{200};

enum class CallEnd { refused, unsent, unknown };

/// What the end of a deploy call without a reply means.
CallEnd end_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:         // the connection ended, and the TaskManager may have it all the same
    case ErrorCode::resource_exhausted:  // too many calls at once
      return CallEnd::unsent;
    case ErrorCode::deadline_exceeded:
    case ErrorCode::corrupt:
    case ErrorCode::cancelled:
    case ErrorCode::unknown: return CallEnd::unknown;
    default: return CallEnd::refused;
  }
}

}  // namespace

TaskOrders::TaskOrders(DeploymentTerms terms, JobTimeouts timeouts, const ExecutionGraph& tasks,
                       TaskManagerRegistry& task_managers, Clock& clock, asio::any_io_executor executor,
                       OrderListener& listener)
    : terms_(std::move(terms)),
      worker_{terms_.job, terms_.generation},
      timeouts_(timeouts),
      tasks_(tasks),
      task_managers_(task_managers),
      clock_(clock),
      executor_(executor),
      listener_(listener),
      scope_(std::move(executor), fmt::format("orders of job {}", terms_.job)) {}

std::vector<TaskOrders::Ordered> TaskOrders::ordered(std::span<const TaskIndex> tasks) const {
  std::vector<Ordered> named;
  named.reserve(tasks.size());
  for (const TaskIndex& task : tasks) named.push_back({task, tasks_.attempt(task).execution});
  return named;
}

std::vector<TaskIndex> TaskOrders::still_current(const std::vector<Ordered>& tasks) const {
  std::vector<TaskIndex> current;
  for (const auto& [task, execution] : tasks) {
    if (tasks_.attempt(task).execution == execution) current.push_back(task);
  }
  return current;
}

std::vector<TaskIndex> TaskOrders::still_deploying(const std::vector<Ordered>& tasks) const {
  std::vector<TaskIndex> current = still_current(tasks);
  std::erase_if(current, [&](TaskIndex task) {
    const TaskStatus status = tasks_.attempt(task).status;
    return is_over(status) || status == TaskStatus::canceling;
  });
  return current;
}

// ---- deploy

void TaskOrders::deploy(std::vector<TaskIndex> tasks) {
  const plan::TaskTable table = tasks_.table();
  for (const auto& [task, execution] : ordered(tasks)) under_way_.insert(execution);
  scope_.start("deploy", deploy_all(std::make_shared<const Deployer>(tasks_.job_graph(), table, terms_),
                                    by_task_manager(table, tasks)));
}

Async<void> TaskOrders::deploy_all(std::shared_ptr<const Deployer> deployer, std::vector<TaskManagerTasks> dealt) {
  std::vector<std::pair<TaskManagerId, std::vector<Ordered>>> orders;
  for (auto& [id, tasks] : dealt) orders.emplace_back(id, ordered(tasks));
  for (auto& [id, tasks] : orders) {
    scope_.start(fmt::format("deploy on {}", id), deploy_on(id, deployer, std::move(tasks)));
    co_await asio::post(executor_, asio::use_awaitable);
  }
}

Async<void> TaskOrders::deploy_on(TaskManagerId id, std::shared_ptr<const Deployer> deployer,
                                  std::vector<Ordered> tasks) {
  auto outcome = co_await ask_to_deploy(std::move(id), std::move(deployer), tasks);
  for (const auto& [task, execution] : tasks) under_way_.erase(execution);
  outcome->tasks = still_current(tasks);
  if (!outcome->tasks.empty()) listener_.on_deployed(*outcome);
}

/// Deployments are idempotent: a call that ended without a reply is made again, for the tasks that are still wanted.
Async<DeploymentOutcome> TaskOrders::ask_to_deploy(TaskManagerId id, std::shared_ptr<const Deployer> deployer,
                                                   const std::vector<Ordered>& tasks) {
  const SteadyTime deadline = clock_.now() + timeouts_.deploy;
  DeploymentOutcome outcome{id, {}, {}, false};
  const RegisteredTaskManager* const registered = task_managers_.find(id);
  const Incarnation incarnation = registered == nullptr ? Incarnation() : registered->description.incarnation;
  for (;;) {
    const RegisteredTaskManager* const entry = task_managers_.find(id);
    if (entry == nullptr || entry->description.incarnation != incarnation) {
      // Its loss has been told, and its tasks have been counted as failed.
      outcome.result =
          Error::external(ErrorCode::unavailable, fmt::format("TaskManager with id {} is no longer registered", id));
      co_return outcome;
    }
    const std::vector<TaskIndex> wanted = still_deploying(tasks);
    if (wanted.empty()) {
      outcome.is_uncertain = true;
      outcome.result = Error::external(ErrorCode::cancelled, "the deployment is not wanted any more");
      co_return outcome;
    }
    const std::shared_ptr<TaskManagerLink> link = entry->link;
    proto::DeployRequest request = deployer->request(wanted);
    auto reply = co_await link->gateway().deploy(std::move(request), deadline);
    if (reply.ok()) {
      if (reply->has_refusal()) outcome.result = rpc::decode_error(reply->refusal());
      co_return outcome;
    }
    const CallEnd end = end_of(reply.error().code);
    if (end != CallEnd::unsent || clock_.now() + kRetryDelay >= deadline) {
      outcome.is_uncertain = end != CallEnd::refused;
      outcome.result = reply.error();
      co_return outcome;
    }
    LOG_INFO("job {}: the deployment on {} ended without a reply and is sent again: {}", worker_.job, id,
             reply.error().message);
    co_await clock_.sleep_for(kRetryDelay);
  }
}

// ---- cancel

void TaskOrders::cancel(const std::vector<TaskIndex>& tasks) {
  std::map<TaskManagerId, std::vector<Ordered>> by_task_manager;
  for (const Ordered& order : ordered(tasks)) {
    if (const auto& place = tasks_.attempt(order.task).place) by_task_manager[place->id].push_back(order);
  }
  for (auto& [id, orders] : by_task_manager) {
    scope_.start(fmt::format("cancel on {}", id), cancel_on(id, std::move(orders)));
  }
}

Async<void> TaskOrders::cancel_on(TaskManagerId id, std::vector<Ordered> tasks) {
  for (;;) {
    const std::shared_ptr<TaskManagerLink> link = task_managers_.link(id);
    if (link == nullptr) co_return;  // Lost: its tasks have been counted as failed.
    proto::CancelTasksRequest request;
    request.set_job(worker_.job.to_bytes());
    for (const auto& [task, execution] : tasks) request.add_executions(execution.to_bytes());
    const SteadyTime deadline = clock_.now() + timeouts_.call;
    auto reply = co_await link->gateway().cancel_tasks(std::move(request), deadline);
    if (reply.ok()) {
      std::unordered_set<std::string> unknown(reply->unknown().begin(), reply->unknown().end());
      // One whose deployment is under way may arrive there yet.
      std::erase_if(tasks, [&](const Ordered& order) {
        return !unknown.contains(order.execution.to_bytes()) || under_way_.contains(order.execution);
      });
      std::vector<TaskIndex> gone = still_current(tasks);
      std::erase_if(gone, [&](TaskIndex task) { return is_over(tasks_.attempt(task).status); });
      if (!gone.empty()) listener_.on_gone(gone);
      co_return;
    }
    LOG_DEBUG("job {}: TaskManager {} does not take the order to cancel, trying on: {}", worker_.job, id,
              reply.error().message);
    co_await clock_.sleep_for(kRetryDelay);
    std::erase_if(tasks, [&](const Ordered& order) {
      return tasks_.attempt(order.task).execution != order.execution || is_over(tasks_.attempt(order.task).status);
    });
    if (tasks.empty()) co_return;
  }
}

// ---- end

void TaskOrders::end_worker(const TaskManagerId& id) {
  scope_.start(fmt::format("end the worker on {}", id), end_on(id));
}

Async<void> TaskOrders::end_on(TaskManagerId id) {
  std::vector<TaskIndex> there = tasks_.on(id);
  const std::vector<Ordered> tasks = ordered(there);
  const auto has_ended = co_await task_managers_.end_worker(worker_, id);
  if (!has_ended.value_or(false)) co_return;  // Lost: its tasks have been counted as failed.
  listener_.on_worker_ended(id);
  std::vector<TaskIndex> gone = still_current(tasks);
  std::erase_if(gone, [&](TaskIndex task) { return is_over(tasks_.attempt(task).status); });
  if (!gone.empty()) listener_.on_gone(gone);
}

}  // namespace weir::jobmanager
