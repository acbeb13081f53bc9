// What stands behind the JobManager's door: TaskManagers' messages to calls on our own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/ids.h"
#include "common/gateway/job_manager_gateway.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/dispatcher/dispatcher.h"

namespace weir::jobmanager {

/// What every registering TaskManager is told.
struct ServiceTerms {
  Incarnation incarnation;  ///< of this JobManager
  std::string blob_address;
  std::chrono::milliseconds heartbeat_interval{1'000};
  std::chrono::milliseconds heartbeat_timeout{5'000};
  std::uint64_t leader_epoch = 1;
};

/// Converts and forwards; knows nothing itself.
/// Lives on: the control thread. Owned by the daemon.
class JobManagerService final : public JobManagerGateway {
 public:
  JobManagerService(TaskManagerRegistry& task_managers, Dispatcher& dispatcher, ServiceTerms terms);

  Async<proto::RegisterReply> register_task_manager(proto::RegisterRequest request, SteadyTime deadline) override;
  Async<proto::HeartbeatReply> heartbeat(proto::HeartbeatRequest request, SteadyTime deadline) override;
  Async<proto::TaskStatusReply> task_status(proto::TaskStatusRequest request, SteadyTime deadline) override;

 private:
  TaskManagerRegistry& task_managers_;
  Dispatcher& dispatcher_;
  const ServiceTerms terms_;
};

}  // namespace weir::jobmanager
