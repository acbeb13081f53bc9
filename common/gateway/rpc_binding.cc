#include "common/gateway/rpc_binding.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/text.h"
#include "common/gateway/job_manager_gateway.h"
#include "common/gateway/methods.h"
#include "common/gateway/task_manager_gateway.h"
#include "common/rpc/method_table.h"
#include "common/rpc/typed_call.h"
#include "proto/job_manager.pb.h"
#include "proto/task_manager.pb.h"

namespace weir {

namespace {

using rpc::CallContext;

class RpcTaskManagerGateway final : public TaskManagerGateway {
 public:
  RpcTaskManagerGateway(rpc::Caller& caller, const LeaderEpoch& epoch) : caller_(caller), epoch_(epoch) {}

  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::DeployReply>(caller_, Method::deploy, request, deadline,
                                                             epoch_.current());
  }
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::CancelTasksReply>(caller_, Method::cancel_tasks, request, deadline,
                                                                  epoch_.current());
  }
  Async<proto::EndJobReply> end_job(proto::EndJobRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::EndJobReply>(caller_, Method::end_job, request, deadline,
                                                             epoch_.current());
  }
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::ListLogsReply>(caller_, Method::list_logs, request, deadline,
                                                               epoch_.current());
  }
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::ReadLogReply>(caller_, Method::read_log, request, deadline,
                                                              epoch_.current());
  }

 private:
  rpc::Caller& caller_;
  const LeaderEpoch& epoch_;
};

class RpcJobManagerGateway final : public JobManagerGateway {
 public:
  RpcJobManagerGateway(rpc::Caller& caller, const LeaderEpoch& epoch) : caller_(caller), epoch_(epoch) {}

  Async<proto::RegisterReply> register_task_manager(proto::RegisterRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::RegisterReply>(caller_, Method::register_task_manager, request,
                                                               deadline, epoch_.current());
  }
  Async<proto::HeartbeatReply> heartbeat(proto::HeartbeatRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::HeartbeatReply>(caller_, Method::heartbeat, request, deadline,
                                                                epoch_.current());
  }
  Async<proto::TaskStatusReply> task_status(proto::TaskStatusRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::TaskStatusReply>(caller_, Method::task_status, request, deadline,
                                                                 epoch_.current());
  }

 private:
  rpc::Caller& caller_;
  const LeaderEpoch& epoch_;
};

class RpcBlobGateway final : public BlobGateway {
 public:
  RpcBlobGateway(rpc::Caller& caller, const LeaderEpoch& epoch) : caller_(caller), epoch_(epoch) {}

  Async<proto::BlobReadReply> read_blob(proto::BlobReadRequest request, SteadyTime deadline) override {
    co_return co_await rpc::call_message<proto::BlobReadReply>(caller_, Method::blob_read, request, deadline,
                                                               epoch_.current());
  }

 private:
  rpc::Caller& caller_;
  const LeaderEpoch& epoch_;
};

/// A TaskManager speaks for itself alone: what the request says of its sender is what the handshake said.
template <class Request>
Result<void> check_speaker(const CallContext& context, const Request& request) {
  if (request.task_manager_id() == context.peer->name &&
      request.incarnation() == context.peer->incarnation.to_bytes()) {
    return {};
  }
  return Error::external(ErrorCode::permission_denied,
                         fmt::format("TaskManager {} speaks in the name of '{}', or of another incarnation of itself",
                                     context.peer->name, printable(request.task_manager_id(), 255)));
}

template <class Reply>
Async<Reply> refused(Error reason) {
  co_return reason;
}

}  // namespace

std::unique_ptr<TaskManagerGateway> make_rpc_task_manager_gateway(rpc::Caller& caller, const LeaderEpoch& epoch) {
  return std::make_unique<RpcTaskManagerGateway>(caller, epoch);
}
std::unique_ptr<JobManagerGateway> make_rpc_job_manager_gateway(rpc::Caller& caller, const LeaderEpoch& epoch) {
  return std::make_unique<RpcJobManagerGateway>(caller, epoch);
}
std::unique_ptr<BlobGateway> make_rpc_blob_gateway(rpc::Caller& caller, const LeaderEpoch& epoch) {
  return std::make_unique<RpcBlobGateway>(caller, epoch);
}

void serve_task_manager(rpc::MethodTable& table, TaskManagerGateway& service) {
  rpc::register_message_handler<proto::DeployRequest, proto::DeployReply>(
      table, Method::deploy, "deploy", rpc::kChanges, [&service](CallContext context, proto::DeployRequest request) {
        return service.deploy(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::CancelTasksRequest, proto::CancelTasksReply>(
      table, Method::cancel_tasks, "cancel_tasks", rpc::kChanges,
      [&service](CallContext context, proto::CancelTasksRequest request) {
    return service.cancel_tasks(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::EndJobRequest, proto::EndJobReply>(
      table, Method::end_job, "end_job", rpc::kChanges, [&service](CallContext context, proto::EndJobRequest request) {
        return service.end_job(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::ListLogsRequest, proto::ListLogsReply>(
      table, Method::list_logs, "list_logs", rpc::kWaits,
      [&service](CallContext context, proto::ListLogsRequest request) {
    return service.list_logs(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::ReadLogRequest, proto::ReadLogReply>(
      table, Method::read_log, "read_log", rpc::kWaits, [&service](CallContext context, proto::ReadLogRequest request) {
        return service.read_log(std::move(request), context.deadline);
      });
}

void serve_job_manager(rpc::MethodTable& table, JobManagerGateway& service) {
  rpc::register_message_handler<proto::RegisterRequest, proto::RegisterReply>(
      table, Method::register_task_manager, "register_task_manager", rpc::kChanges,
      [&service](CallContext context, proto::RegisterRequest request) {
    if (auto lie = check_speaker(context, request); !lie.ok()) return refused<proto::RegisterReply>(lie.error());
    return service.register_task_manager(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::HeartbeatRequest, proto::HeartbeatReply>(
      table, Method::heartbeat, "heartbeat", rpc::kChanges,
      [&service](CallContext context, proto::HeartbeatRequest request) {
    if (auto lie = check_speaker(context, request); !lie.ok()) return refused<proto::HeartbeatReply>(lie.error());
    return service.heartbeat(std::move(request), context.deadline);
      });
  rpc::register_message_handler<proto::TaskStatusRequest, proto::TaskStatusReply>(
      table, Method::task_status, "task_status", rpc::kChanges,
      [&service](CallContext context, proto::TaskStatusRequest request) {
    if (auto lie = check_speaker(context, request); !lie.ok()) return refused<proto::TaskStatusReply>(lie.error());
    return service.task_status(std::move(request), context.deadline);
      });
}

void serve_blobs(rpc::MethodTable& table, BlobGateway& service) {
  rpc::register_message_handler<proto::BlobReadRequest, proto::BlobReadReply>(
      table, Method::blob_read, "blob_read", rpc::kWaits,
      [&service](CallContext context, proto::BlobReadRequest request) {
    return service.read_blob(std::move(request), context.deadline);
      });
}

}  // namespace weir
