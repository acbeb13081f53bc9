// Artefacts from a blob server, over RPC.
#pragma once

#include "common/gateway/rpc_binding.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"
#include "taskmanager/artefacts/blob_source.h"

namespace weir::taskmanager {

/// Dials the address for each visit. Lives on: the control thread. Owned by the daemon.
class RpcBlobServers final : public BlobServers {
 public:
  RpcBlobServers(const rpc::Node& node, const LeaderEpoch& epoch);
  Result<std::unique_ptr<BlobSource>> open(const std::string& address) override;

 private:
  const rpc::Node node_;
  const LeaderEpoch& epoch_;
  const rpc::MethodTable no_methods_;
};

}  // namespace weir::taskmanager
