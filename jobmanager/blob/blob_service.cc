#include "jobmanager/blob/blob_service.h"

#include <algorithm>

#include "common/base/try.h"
#include "proto/job_manager.pb.h"

namespace weir::jobmanager {

Async<proto::BlobReadReply> BlobService::read_blob(proto::BlobReadRequest request, SteadyTime) {
  CO_TRY(auto key, BlobKey::from_hex(request.key()));
  co_await turns_.take();
  const Turns::Given given(turns_);
  const auto bytes_max = static_cast<std::uint32_t>(std::min<std::size_t>(request.bytes_max(), piece_bytes_max_));
  CO_TRY(auto piece, co_await store_.read(key, request.offset(), bytes_max));
  proto::BlobReadReply reply;
  reply.set_content(std::move(piece.content));
  reply.set_blob_bytes(piece.blob_bytes);
  co_return reply;
}

}  // namespace weir::jobmanager
