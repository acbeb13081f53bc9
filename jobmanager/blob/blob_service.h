// The blob server's door: TaskManagers fetch artefacts here, in pieces.
#pragma once

#include "common/async/turns.h"
#include "common/gateway/job_manager_gateway.h"
#include "jobmanager/blob/blob_store.h"

namespace weir::jobmanager {

/// Answers from the store, so many at once and the others in turn.
/// Lives on: the control thread. Owned by the daemon.
class BlobService final : public BlobGateway {
 public:
  /// @param reads_max        blob.fetch.num-concurrent
  /// @param piece_bytes_max  of one reply, whatever a call asks for; what fits a frame
  BlobService(asio::any_io_executor executor, BlobStore& store, int reads_max, std::size_t piece_bytes_max)
      : store_(store), piece_bytes_max_(piece_bytes_max), turns_(std::move(executor), reads_max) {}
  Async<proto::BlobReadReply> read_blob(proto::BlobReadRequest request, SteadyTime deadline) override;

 private:
  BlobStore& store_;
  const std::size_t piece_bytes_max_;
  Turns turns_;
};

}  // namespace weir::jobmanager
