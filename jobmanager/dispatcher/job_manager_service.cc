#include "jobmanager/dispatcher/job_manager_service.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "common/rpc/error_codec.h"
#include "proto/job_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::uint32_t kPortMax = 65535;
constexpr std::uint32_t kSlotsMax = 1024;  // as taskmanager.numberOfTaskSlots

Result<TaskManagerDescription> decode(const proto::RegisterRequest& request) {
  TaskManagerDescription description;
  TRY(description.id, TaskManagerId::from_string(request.task_manager_id()));
  TRY(description.incarnation, Incarnation::from_bytes(request.incarnation()));
  if (request.rpc_port() > kPortMax || request.data_port() > kPortMax || request.slots() > kSlotsMax) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("TaskManager {} registers with rpc port {}, data port {} and {} slots: too large",
                                   description.id, request.rpc_port(), request.data_port(), request.slots()));
  }
  description.host = request.host();
  description.rpc_port = static_cast<std::uint16_t>(request.rpc_port());
  description.data_port = static_cast<std::uint16_t>(request.data_port());
  description.slots = request.slots();
  description.cpu_cores = request.hardware().cpu_cores();
  description.physical_memory_bytes = request.hardware().physical_memory();
  description.process_bytes = request.memory().process();
  description.network_bytes = request.memory().network();
  description.managed_bytes = request.memory().managed();
  description.user_bytes = request.memory().user();
  return description;
}

TaskCounters decode(const proto::TaskCounters& message) {
  TaskCounters counters;
  counters.records_in = message.records_in();
  counters.records_out = message.records_out();
  counters.bytes_in = message.bytes_in();
  counters.bytes_out = message.bytes_out();
  counters.blocks_in = message.blocks_in();
  counters.blocks_out = message.blocks_out();
  counters.input_queued = message.input_queued();
  counters.input_window = message.input_window();
  counters.output_queued = message.output_queued();
  counters.output_window = message.output_window();
  counters.busy_ms = message.busy_ms();
  counters.idle_ms = message.idle_ms();
  counters.backpressured_ms = message.backpressured_ms();
  counters.user.insert(message.user().begin(), message.user().end());
  counters.gauges.insert(message.gauges().begin(), message.gauges().end());
  return counters;
}

/// None for a status that a TaskManager can't report.
std::optional<TaskStatus> decode(proto::TaskStatus status) {
  switch (status) {
    case proto::DEPLOYING: return TaskStatus::deploying;
    case proto::INITIALIZING: return TaskStatus::initializing;
    case proto::RUNNING: return TaskStatus::running;
    case proto::FINISHED: return TaskStatus::finished;
    case proto::CANCELING: return TaskStatus::canceling;
    case proto::CANCELED: return TaskStatus::canceled;
    case proto::FAILED: return TaskStatus::failed;
    default: return std::nullopt;
  }
}

std::optional<TaskReport> decode(const proto::TaskReport& message) {
  auto execution = ExecutionId::from_bytes(message.address().execution());
  auto status = decode(message.status());
  if (!execution.ok() || !status) return std::nullopt;
  TaskReport report{*execution, *status, std::nullopt, std::nullopt};
  if (message.has_failure()) {
    const auto& failure = message.failure();
    report.failure =
        Failure{failure.exception(), failure.message(), failure.stack_trace(),
                WallTime(std::chrono::milliseconds(failure.timestamp_ms())), rpc::decode_blame(failure.blame())};
  }
  if (message.has_counters()) report.counters = decode(message.counters());
  return report;
}

constexpr std::size_t kExecutionBytes = sizeof(ExecutionId::Bytes);

/// What can't be read is left out: then it is missing, and ends.
std::set<JobExecution> reported_tasks(const proto::HeartbeatRequest& request) {
  std::set<JobExecution> tasks;
  for (const auto& of_job : request.tasks()) {
    const auto job = JobId::from_bytes(of_job.job());
    const std::string_view all = of_job.executions();
    for (std::size_t at = 0; job.ok() && at + kExecutionBytes <= all.size(); at += kExecutionBytes)
      tasks.insert({*job, ExecutionId::from_bytes(all.substr(at, kExecutionBytes)).value()});
  }
  return tasks;
}

std::map<JobId, std::string> by_job(const std::vector<JobExecution>& executions) {
  std::map<JobId, std::string> all;
  for (const JobExecution& one : executions) all[one.job] += one.execution.to_bytes();
  return all;
}

}  // namespace

JobManagerService::JobManagerService(TaskManagerRegistry& task_managers, Dispatcher& dispatcher, ServiceTerms terms)
    : task_managers_(task_managers), dispatcher_(dispatcher), terms_(std::move(terms)) {}

Async<proto::RegisterReply> JobManagerService::register_task_manager(proto::RegisterRequest request, SteadyTime) {
  CO_TRY(auto description, decode(request));
  std::vector<plan::JobWorker> workers;
  for (const auto& message : request.workers()) {
    CO_TRY(auto worker, plan::decode_job_worker(message));
    workers.push_back(worker);
  }
  CO_TRY(auto strangers, task_managers_.add(std::move(description), workers));
  proto::RegisterReply reply;
  reply.set_incarnation(terms_.incarnation.to_bytes());
  reply.set_blob_address(terms_.blob_address);
  for (const auto& worker : strangers) plan::encode_job_worker(worker, *reply.add_end_workers());
  reply.set_heartbeat_interval_ms(static_cast<std::uint32_t>(terms_.heartbeat_interval.count()));
  reply.set_heartbeat_timeout_ms(static_cast<std::uint32_t>(terms_.heartbeat_timeout.count()));
  reply.set_leader_epoch(terms_.leader_epoch);
  co_return reply;
}

Async<proto::HeartbeatReply> JobManagerService::heartbeat(proto::HeartbeatRequest request, SteadyTime) {
  CO_TRY(auto id, TaskManagerId::from_string(request.task_manager_id()));
  CO_TRY(auto incarnation, Incarnation::from_bytes(request.incarnation()));
  proto::HeartbeatReply reply;
  reply.set_known(task_managers_.heartbeat(id, incarnation, request.resident_bytes()));
  if (reply.known()) {
    for (const auto& counters : request.counters()) {
      CO_TRY(auto execution, ExecutionId::from_bytes(counters.execution()));
      dispatcher_.on_counters(id, execution, decode(counters));
    }
  }
  if (!reply.known() || request.reports_wait()) co_return reply;
  const Belief believed = dispatcher_.belief_of(id);
  const auto differences = task_managers_.reconcile(id, believed, reported_tasks(request));
  for (const auto& [job, executions] : by_job(differences.strangers)) {
    LOG_WARN("job {}: TaskManager {} has {} tasks that are not this JobManager's any more: they end", job, id,
             executions.size() / kExecutionBytes);
    auto& end = *reply.add_end_tasks();
    end.set_job(job.to_bytes());
    end.set_executions(executions);
  }
  dispatcher_.on_tasks_missing(id, differences.missing);
  co_return reply;
}

Async<proto::TaskStatusReply> JobManagerService::task_status(proto::TaskStatusRequest request, SteadyTime) {
  CO_TRY(auto job, JobId::from_bytes(request.job()));
  CO_TRY(auto id, TaskManagerId::from_string(request.task_manager_id()));
  CO_TRY(auto incarnation, Incarnation::from_bytes(request.incarnation()));
  if (!task_managers_.is_registered(id, incarnation)) {
    co_return Error::external(ErrorCode::unavailable,
                              fmt::format("TaskManager {} is not registered: it must register first", id));
  }
  std::vector<TaskReport> reports;
  for (const auto& message : request.reports()) {
    if (auto report = decode(message)) {
      reports.push_back(std::move(*report));
    } else {
      LOG_WARN("a task status from TaskManager {} can't be read and is ignored", request.task_manager_id());
    }
  }
  dispatcher_.on_task_status(id, job, std::move(reports));
  proto::TaskStatusReply reply;
  co_return reply;
}

}  // namespace weir::jobmanager
