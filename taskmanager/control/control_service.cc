#include "taskmanager/control/control_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "common/observe/log_files.h"
#include "proto/task_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kSecretBytes = 32;

Result<std::vector<std::uint32_t>> slots_of(const proto::DeployRequest& request) {
  std::vector<std::uint32_t> slots;
  for (const auto& task : request.tasks()) {
    TRY(const auto id, ExecutionId::from_bytes(task.address().execution()));
    if (id.is_none()) return Error::external(ErrorCode::invalid_argument, "a task without an execution id");
    slots.push_back(task.slot());
  }
  if (slots.empty()) return Error::external(ErrorCode::invalid_argument, "a deployment without tasks");
  if (request.secret().size() != kSecretBytes)
    return Error::external(ErrorCode::invalid_argument, "a deployment whose secret has not 32 bytes");
  return slots;
}

Result<JobId> job_of(const std::string& bytes) {
  TRY(const JobId job, JobId::from_bytes(bytes));
  if (job.is_none()) return Error::external(ErrorCode::invalid_argument, "a request that names no job");
  return job;
}

}  // namespace

ControlService::ControlService(SlotTable& slots, WorkerTable& workers, BlockingPool& pool, LogPlace logs)
    : slots_(slots), workers_(workers), pool_(pool), logs_(std::move(logs)) {}

Async<proto::DeployReply> ControlService::deploy(proto::DeployRequest request, SteadyTime deadline) {
  CO_TRY(const JobId job, job_of(request.job()));
  CO_TRY(const auto slots, slots_of(request));
  CO_TRY_VOID(slots_.claim(job, slots));
  LOG_INFO("job {} ({}): {} tasks to deploy", job, request.graph().job_name(), request.tasks_size());
  WorkerHandle& worker = workers_.current(job);
  const auto shared = std::make_shared<const proto::DeployRequest>(std::move(request));
  auto work = worker.deploy(shared, slots_.count_of(job), deadline);
  const auto result = co_await std::move(work);
  if (result.ok()) co_return proto::DeployReply();
  LOG_WARN("job {}: the deployment failed: {}", job, result.error().message);
  // Another deployment of the job may have succeeded, or ended it, in the meantime.
  const WorkerHandle* now = workers_.find(job);
  if (now != nullptr && !now->has_tasks()) end(job);
  co_return result.error();
}

Async<proto::CancelTasksReply> ControlService::cancel_tasks(proto::CancelTasksRequest request, SteadyTime) {
  CO_TRY(const JobId job, job_of(request.job()));
  std::vector<ExecutionId> executions;
  for (const auto& bytes : request.executions()) {
    CO_TRY(const auto id, ExecutionId::from_bytes(bytes));
    executions.push_back(id);
  }
  if (WorkerHandle* worker = workers_.find(job)) worker->cancel(executions);
  co_return proto::CancelTasksReply();
}

Async<proto::EndJobReply> ControlService::end_job(proto::EndJobRequest request, SteadyTime) {
  CO_TRY(const JobId job, job_of(request.job()));
  end(job);
  co_return proto::EndJobReply();
}

void ControlService::end(const JobId& job) {
  workers_.end(job);
  if (const auto freed = slots_.release(job); freed > 0) LOG_INFO("job {}: ended, {} slots are free again", job, freed);
}

Async<proto::ListLogsReply> ControlService::list_logs(proto::ListLogsRequest, SteadyTime) {
  auto work = [this] { return log::list_files(logs_.directory); };
  CO_TRY(const auto files, co_await run_blocking(pool_, std::move(work)));
  proto::ListLogsReply reply;
  for (const auto& file : files) {
    auto& entry = *reply.add_files();
    entry.set_name(file.name);
    entry.set_bytes(file.bytes);
    entry.set_modified_ms(file.modified_ms);
  }
  co_return reply;
}

Async<proto::ReadLogReply> ControlService::read_log(proto::ReadLogRequest request, SteadyTime) {
  const bool named = request.kind() == proto::NAMED;
  const std::string name = named ? request.name() : request.kind() == proto::LOG ? logs_.log_name : logs_.output_name;
  auto work = [this, name, offset = request.offset(),
               bytes_max = std::min<std::size_t>(request.bytes_max(), logs_.piece_bytes_max)] {
    return log::read_file(logs_.directory, name, offset, bytes_max);
  };
  auto piece = co_await run_blocking(pool_, std::move(work));
  // Nobody has printed yet: that is an empty output, not an error.
  const bool empty = !named && !piece.ok() && piece.error().code == ErrorCode::not_found;
  if (empty) co_return proto::ReadLogReply();
  if (!piece.ok()) co_return std::move(piece).error();
  proto::ReadLogReply reply;
  reply.set_content(std::move(piece->content));
  reply.set_file_bytes(piece->file_bytes);
  co_return reply;
}

}  // namespace weir::taskmanager
