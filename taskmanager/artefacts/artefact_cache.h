// Job libraries on this machine: each fetched once, verified, and kept while somebody uses it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "taskmanager/artefacts/blob_source.h"

namespace weir::taskmanager {

/// Bounds of the cache.
struct ArtefactLimits {
  std::uint64_t artefact_bytes_max = 4ULL << 30;
  std::uint64_t kept_bytes_max = 2ULL << 30;   ///< of artefacts that nobody uses
  int retries = 5;                             ///< after a broken connection, without progress in between
  std::chrono::milliseconds retry_pause{100};  ///< doubles with each
  std::chrono::milliseconds read_timeout{10'000};
};

/// Which artefact, and where it is.
struct ArtefactWanted {
  std::string key;  ///< hex SHA-256 of the content
  std::uint64_t bytes = 0;
  std::string blob_address;
};

class ArtefactCache;

/// An artefact in use: it is not evicted. Lives on: the control thread; given back before the cache goes.
class ArtefactLease {
 public:
  ArtefactLease() = default;
  ArtefactLease(ArtefactCache& cache, std::string key, std::string library);
  ArtefactLease(ArtefactLease&& other) noexcept;
  ArtefactLease& operator=(ArtefactLease&& other) noexcept;
  ~ArtefactLease();

  /// Path of the entry library: the artefact, or the one that its bundle names.
  const std::string& library() const noexcept { return library_; }

 private:
  void give_back();

  ArtefactCache* cache_ = nullptr;
  std::string key_;
  std::string library_;
};

/// Lives on: the control thread; files are written on the pool. Owned by the daemon; `close` is awaited before
/// destruction. Promise: what a lease shows is whole (fsync, then renamed), has the hash that its key says, and was
/// there when the lease was given: files that somebody removed under the cache are fetched again, folders made anew. A
/// fetch that broke is continued by the next.
class ArtefactCache {
 public:
  /// @param directory  exists and is this process's own
  ArtefactCache(asio::any_io_executor executor, BlockingPool& pool, Clock& clock, BlobServers& servers,
                std::string directory, const ArtefactLimits& limits);
  ~ArtefactCache();

  /// The artefact, fetched when it is not here. However many ask for one key, it is fetched once.
  /// Errors: invalid_argument (no such key form, too large), those of the blob server, corrupt (wrong hash, bad
  /// bundle), io, deadline_exceeded for the caller (the fetch goes on for others).
  Async<ArtefactLease> lease(ArtefactWanted wanted, SteadyTime deadline);
  Async<void> close() { co_await scope_.close(); }

  std::uint64_t kept_bytes() const;
  std::size_t fetches() const noexcept { return fetches_; }  ///< started so far

 private:
  friend class ArtefactLease;
  struct Entry;

  Entry& begin_fetch(const std::string& key, const ArtefactWanted& wanted);
  Async<Result<void>> wait_fetched(Entry& entry, SteadyTime deadline);
  Async<bool> is_there(std::string library);
  Async<void> fetch(std::string key, ArtefactWanted wanted);
  Async<Result<void>> fetch_verified(const ArtefactWanted& wanted);
  Async<Result<void>> download(BlobSource& source, const ArtefactWanted& wanted, int file, std::uint64_t offset);
  Async<BlobPiece> read_patiently(BlobSource& source, const ArtefactWanted& wanted, std::uint64_t offset);
  Async<std::string> publish(std::string key);
  Async<void> remove(std::string key);
  void give_back(const std::string& key);
  void evict();

  // Set once
  asio::any_io_executor executor_;
  BlockingPool& pool_;
  Clock& clock_;
  BlobServers& servers_;
  const std::string directory_;
  const ArtefactLimits limits_;
  // Control thread only
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::set<std::string> removing_;  // keys whose files are on their way out
  Event removed_;
  std::uint64_t uses_ = 0;  // counts leases: the order of eviction
  std::size_t fetches_ = 0;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
