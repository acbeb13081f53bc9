#include "taskmanager/control/control_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "common/observe/log_files.h"
#include "common/rpc/error_codec.h"
#include "proto/task_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::vector<std::uint32_t> slots_of(const std::vector<Execution>& executions) {
  std::vector<std::uint32_t> slots;
  for (const Execution& execution : executions) slots.push_back(execution.slot);
  return slots;
}

Result<std::vector<Execution>> checked_executions(const proto::DeployRequest& request) {
  TRY(auto executions, executions_of(request));
  if (executions.empty()) return Error::external(ErrorCode::invalid_argument, "a deployment without tasks");
  if (request.secret().size() != kSecretBytes)
    return Error::external(ErrorCode::invalid_argument, "a deployment whose secret has not 32 bytes");
  return executions;
}

proto::DeployReply refused(const Error& error) {
  proto::DeployReply reply;
  rpc::encode_error(error, *reply.mutable_refusal());
  return reply;
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
  CO_TRY(auto executions, checked_executions(request));
  const auto slots = slots_of(executions);
  const auto claimed = slots_.claim(job, slots);
  if (!claimed.ok()) co_return refused(claimed.error());
  LOG_INFO("job {} ({}): {} tasks to deploy", job, request.graph().job_name(), executions.size());
  const auto shared = std::make_shared<const proto::DeployRequest>(std::move(request));
  const plan::JobWorker wanted{job, plan::decode_generation(shared->generation())};
  auto work = deploy_on_worker(wanted, shared, std::move(executions), deadline);
  const auto result = co_await std::move(work);
  if (result.ok()) co_return proto::DeployReply();
  LOG_WARN("job {}: the deployment failed: {}", job, result.error().message);
  // Its tasks may run: nothing is given up, and the JobManager asks again or cancels them.
  if (result.error().code == ErrorCode::deadline_exceeded) co_return result.error();
  give_back(wanted, *claimed);
  co_return refused(result.error());
}

Async<Result<void>> ControlService::deploy_on_worker(plan::JobWorker wanted,
                                                     std::shared_ptr<const proto::DeployRequest> request,
                                                     std::vector<Execution> executions, SteadyTime deadline) {
  auto taking = workers_.take(wanted);
  CO_TRY(WorkerHandle* const worker, co_await std::move(taking));
  // The job may have been ended while an earlier worker of it went.
  const bool is_ours = std::ranges::all_of(
      executions, [&](const Execution& execution) { return slots_.owner_of(execution.slot) == wanted.job; });
  if (!is_ours) {
    if (!worker->has_live_tasks()) workers_.end(wanted.job);
    co_return Error::external(ErrorCode::cancelled, "the job was ended: " + wanted.job.to_hex());
  }
  auto work = worker->deploy(std::move(request), std::move(executions), slots_.count_of(wanted.job), deadline);
  co_return co_await std::move(work);
}

// After a refusal: another deployment of the job may have succeeded, or ended it, in the meantime.
void ControlService::give_back(const plan::JobWorker& refused, const std::vector<std::uint32_t>& claimed) {
  const WorkerHandle* const worker = workers_.find(refused.job);
  if (worker != nullptr && worker->worker() == refused && !worker->has_live_tasks()) return end(refused.job);
  for (const std::uint32_t slot : claimed) {
    if (worker == nullptr || !worker->has_live_tasks_in(slot)) slots_.release(refused.job, slot);
  }
}

Async<proto::CancelTasksReply> ControlService::cancel_tasks(proto::CancelTasksRequest request, SteadyTime) {
  CO_TRY(const JobId job, job_of(request.job()));
  std::vector<ExecutionId> executions;
  for (const auto& bytes : request.executions()) {
    CO_TRY(const auto id, ExecutionId::from_bytes(bytes));
    executions.push_back(id);
  }
  if (WorkerHandle* const worker = workers_.find(job)) executions = worker->cancel(executions);
  proto::CancelTasksReply reply;
  for (const ExecutionId& unknown : executions) reply.add_unknown(unknown.to_bytes());
  co_return reply;
}

Async<proto::EndJobReply> ControlService::end_job(proto::EndJobRequest request, SteadyTime) {
  CO_TRY(const JobId job, job_of(request.job()));
  end_worker({job, plan::decode_generation(request.generation())});
  auto ended = workers_.wait_ended(job);
  co_await std::move(ended);
  co_return proto::EndJobReply();
}

void ControlService::end_worker(const plan::JobWorker& worker) {
  const WorkerHandle* const known = workers_.find(worker.job);
  if (known == nullptr || known->worker().generation <= worker.generation) end(worker.job);
}

void ControlService::end(const JobId& job) {
  workers_.end(job);
  if (const auto freed = slots_.release_all(job); freed > 0)
    LOG_INFO("job {}: ended, {} slots are free again", job, freed);
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
