// What the JobManager may ask of this TaskManager: checks the request and hands it to whom it concerns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/async/executor.h"
#include "common/gateway/task_manager_gateway.h"
#include "taskmanager/jobs/slot_table.h"
#include "taskmanager/jobs/worker_table.h"

namespace weir::taskmanager {

/// Where this process's logs are.
struct LogPlace {
  std::string directory;
  std::string log_name;  ///< file names in it
  std::string output_name;
  std::size_t piece_bytes_max = 1u << 20;  ///< of one reply, whatever a call asks for; what fits a frame
};

/// Lives on: the control thread. Owned by the daemon; outlives the RPC server.
class ControlService final : public TaskManagerGateway {
 public:
  ControlService(SlotTable& slots, WorkerTable& workers, BlockingPool& pool, LogPlace logs);

  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime deadline) override;
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime deadline) override;
  Async<proto::EndJobReply> end_job(proto::EndJobRequest request, SteadyTime deadline) override;
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest request, SteadyTime deadline) override;
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest request, SteadyTime deadline) override;

  /// Ends a job's worker and frees its slots, unless it is of a later generation; for the session, when a JobManager
  /// does not know it.
  void end_worker(const plan::JobWorker& worker);

 private:
  Async<Result<void>> deploy_on_worker(plan::JobWorker wanted, std::shared_ptr<const proto::DeployRequest> request,
                                       std::vector<Execution> executions, SteadyTime deadline);
  void give_back(const plan::JobWorker& refused, const std::vector<std::uint32_t>& claimed);
  void end(const JobId& job);

  // Set once
  SlotTable& slots_;
  WorkerTable& workers_;
  BlockingPool& pool_;
  const LogPlace logs_;
};

}  // namespace weir::taskmanager
