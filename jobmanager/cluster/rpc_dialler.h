// Links to TaskManagers over RPC.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/gateway/rpc_binding.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"
#include "jobmanager/cluster/task_manager_link.h"

namespace weir::jobmanager {

/// Dials with an RPC client, which dials back whenever its connection ends.
/// Lives on: the control thread. Owned by the daemon.
class RpcDialler final : public TaskManagerDialler {
 public:
  /// @param epoch        in which this JobManager leads
  /// @param later_epoch  called when a TaskManager's reply names a later one
  RpcDialler(const rpc::Node& node, const LeaderEpoch& epoch,
             std::function<void(const rpc::Identity& peer, std::uint64_t epoch)> later_epoch);
  std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription& description, LinkEvents events) override;

 private:
  const rpc::Node node_;
  const LeaderEpoch& epoch_;
  const std::function<void(const rpc::Identity& peer, std::uint64_t epoch)> later_epoch_;
  const rpc::MethodTable nothing_;  ///< TaskManagers call us over connections of their own
};

}  // namespace weir::jobmanager
