// The blob server's door: TaskManagers fetch artefacts here, in pieces.
#pragma once

#include "common/gateway/job_manager_gateway.h"
#include "jobmanager/blob/blob_store.h"

namespace weir::jobmanager {

/// Answers from the store.
/// Lives on: the control thread. Owned by the daemon.
class BlobService final : public BlobGateway {
 public:
  explicit BlobService(BlobStore& store) : store_(store) {}
  Async<proto::BlobReadReply> read_blob(proto::BlobReadRequest request, SteadyTime deadline) override;

 private:
  BlobStore& store_;
};

}  // namespace weir::jobmanager
