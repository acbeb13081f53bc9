// The doors over RPC: a gateway that calls, and the method table of whoever stands behind the door.
#pragma once

#include <cstdint>
#include <memory>

namespace weir {

class BlobGateway;
class JobManagerGateway;
class TaskManagerGateway;

namespace rpc {
class Caller;
class MethodTable;
}  // namespace rpc

/// Knows the epoch that calls carry; asked at each call.
/// Lives on: the control thread. Outlives the gateways that ask it.
class LeaderEpoch {
 public:
  virtual ~LeaderEpoch() = default;
  virtual std::uint64_t current() const = 0;
};

/// An epoch that somebody sets: 1 in a JobManager without high availability; in a TaskManager what its JobManager said
/// last.
class PlainLeaderEpoch final : public LeaderEpoch {
 public:
  explicit PlainLeaderEpoch(std::uint64_t epoch) : epoch_(epoch) {}
  std::uint64_t current() const override { return epoch_; }
  void set(std::uint64_t epoch) { epoch_ = epoch; }

 private:
  std::uint64_t epoch_;
};

/// Gateways whose verbs are calls over `caller`. Caller and epoch outlive the gateway.
std::unique_ptr<TaskManagerGateway> make_rpc_task_manager_gateway(rpc::Caller& caller, const LeaderEpoch& epoch);
std::unique_ptr<JobManagerGateway> make_rpc_job_manager_gateway(rpc::Caller& caller, const LeaderEpoch& epoch);
std::unique_ptr<BlobGateway> make_rpc_blob_gateway(rpc::Caller& caller, const LeaderEpoch& epoch);

/// Adds the verbs of `service` to `table`: a call's deadline is handed on. The service outlives the table.
void serve_task_manager(rpc::MethodTable& table, TaskManagerGateway& service);
void serve_job_manager(rpc::MethodTable& table, JobManagerGateway& service);
void serve_blobs(rpc::MethodTable& table, BlobGateway& service);

}  // namespace weir
