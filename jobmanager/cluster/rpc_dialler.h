// Links to TaskManagers over RPC.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>

#include "common/gateway/rpc_binding.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "jobmanager/cluster/task_manager_link.h"

namespace weir::jobmanager {

/// Dials with an RPC client, which dials back whenever its connection ends.
/// Lives on: the control thread. Owned by the daemon.
class RpcDialler final : public TaskManagerDialler {
 public:
  RpcDialler(asio::any_io_executor executor, rpc::Identity self, rpc::Limits limits, const LeaderEpoch& epoch);
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription& description, LinkEvents events) override;

 private:
  asio::any_io_executor executor_;
  const rpc::Identity self_;
  const rpc::Limits limits_;
  const LeaderEpoch& epoch_;
  const rpc::MethodTable nothing_;  ///< TaskManagers call us over connections of their own
};

}  // namespace weir::jobmanager
