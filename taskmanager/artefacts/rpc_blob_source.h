// Artefacts from a blob server, over RPC.
#pragma once

#include "common/async/executor.h"
#include "common/gateway/rpc_binding.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "taskmanager/artefacts/blob_source.h"

namespace weir::taskmanager {

/// Dials the address for each visit. Lives on: the control thread. Owned by the daemon.
class RpcBlobServers final : public BlobServers {
 public:
  RpcBlobServers(asio::any_io_executor executor, rpc::Identity self, const rpc::Limits& limits,
                 const LeaderEpoch& epoch);
  Result<std::unique_ptr<BlobSource>> open(const std::string& address) override;

 private:
  asio::any_io_executor executor_;
  const rpc::Identity self_;
  const rpc::Limits limits_;
  const LeaderEpoch& epoch_;
  const rpc::MethodTable no_methods_;
};

}  // namespace weir::taskmanager
