// Where artefacts come from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/async/clock.h"
#include "common/async/task.h"

namespace weir::taskmanager {

/// A piece of a blob.
struct BlobPiece {
  std::string content;
  std::uint64_t blob_bytes = 0;  ///< of the whole blob
};

/// One visit to a blob server. Lives on: the control thread. close() is awaited before its destruction.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  /// Bytes from `offset`, at most `bytes_max` and 1 MiB.
  /// Errors: unavailable and deadline_exceeded are worth another try; not_found and invalid_argument are not.
  virtual Async<BlobPiece> read(const std::string& key, std::uint64_t offset, std::uint32_t bytes_max,
                                SteadyTime deadline) = 0;
  virtual Async<void> close() = 0;
};

/// Opens visits. Lives on: the control thread; outlives the cache.
class BlobServers {
 public:
  virtual ~BlobServers() = default;
  /// @param address  "host:port". Errors: invalid_argument.
  virtual Result<std::unique_ptr<BlobSource>> open(const std::string& address) = 0;
};

}  // namespace weir::taskmanager
