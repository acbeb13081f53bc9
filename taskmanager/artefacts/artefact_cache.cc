#include "taskmanager/artefacts/artefact_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/async/deadline.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/observe/log.h"
#include "common/storage/blob_key.h"
#include "common/storage/bundle.h"
#include "common/storage/local_file_system.h"

namespace weir::taskmanager {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kPieceBytes = 1024 * 1024;

Error disk_error(std::string_view doing, const std::string& path) {
  return Error::external(ErrorCode::io, fmt::format("cannot {} {}: {}", doing, path, std::strerror(errno)));
}

Result<void> check(const ArtefactWanted& wanted, const ArtefactLimits& limits) {
  TRY(const BlobKey key, BlobKey::from_hex(wanted.key));
  // One key, one file name.
  if (key.to_hex() != wanted.key) {
    return Error::external(ErrorCode::invalid_argument, "an artefact's key must be in lower case: " + wanted.key);
  }
  if (wanted.bytes == 0 || wanted.bytes > limits.artefact_bytes_max) {
    return Error::external(ErrorCode::invalid_argument, fmt::format("an artefact of {} bytes: it must have 1 to {}",
                                                                    wanted.bytes, limits.artefact_bytes_max));
  }
  return {};
}

Result<void> write_at(int file, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return disk_error("write", path);
    offset += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// What has come of an artefact so far, and its size; a part that is too long begins anew. Blocks.
struct Part {
  UniqueFd file;
  std::uint64_t bytes = 0;
};
Result<Part> open_part(const std::string& path, std::uint64_t bytes_max) {
  Part part{UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644))};
  struct stat status {};
  if (!part.file.valid() || ::fstat(part.file.get(), &status) != 0) return disk_error("write", path);
  part.bytes = static_cast<std::uint64_t>(status.st_size);
  if (part.bytes <= bytes_max) return part;
  part.bytes = 0;
  if (::ftruncate(part.file.get(), 0) != 0) return disk_error("write", path);
  return part;
}

Result<void> name_whole(const std::string& directory, const std::string& part, const std::string& whole) {
  {
    const UniqueFd file(::open(part.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.valid() || ::fchmod(file.get(), 0555) != 0 || ::fsync(file.get()) != 0) return disk_error("sync", part);
  }
  if (::rename(part.c_str(), whole.c_str()) != 0) return disk_error("rename", part);
  return LocalFileSystem().sync_directory(directory);
}

Result<std::string> unpack_whole(const std::string& whole, const std::string& unpacked) {
  TRY(const bool bundle, is_bundle(whole));
  if (!bundle) return whole;
  std::error_code ignored;
  fs::remove_all(unpacked, ignored);
  TRY_VOID(unpack_bundle(whole, unpacked, {}));
  TRY(const BundleManifest manifest, read_manifest(unpacked));
  return unpacked + "/" + manifest.library;
}

void remove_files(const std::string& directory, const std::string& key) {
  std::error_code ignored;
  for (const char* kind : {".part", ".so"}) fs::remove(directory + "/" + key + kind, ignored);
  fs::remove_all(directory + "/" + key + ".d", ignored);
}

// The verified part file becomes the artefact; a bundle is unpacked beside it. Blocks. Returns the entry library.
// After an error nothing of it is left, which would only fill a full disk.
Result<std::string> publish_file(const std::string& directory, const std::string& key) {
  const std::string part = directory + "/" + key + ".part";
  const std::string whole = directory + "/" + key + ".so";
  LocalFileSystem files;
  TRY(const BlobContent content, blob_key_of_file(files, part));
  if (content.key.to_hex() != key) {
    remove_files(directory, key);
    return Error::external(ErrorCode::corrupt,
                           fmt::format("the artefact that came is not the one that was asked for: SHA-256 {}, "
                                       "expected {}",
                                       content.key.to_hex(), key));
  }
  Result<void> named = name_whole(directory, part, whole);
  Result<std::string> library =
      named.ok() ? unpack_whole(whole, directory + "/" + key + ".d") : Result<std::string>(std::move(named).error());
  if (!library.ok()) remove_files(directory, key);
  return library;
}

bool worth_another_try(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded ||
         code == ErrorCode::resource_exhausted;
}

}  // namespace

struct ArtefactCache::Entry {
  explicit Entry(asio::any_io_executor executor) : done(std::move(executor)) {}
  Event done;
  Result<std::string> library;  // once done
  std::size_t fetch = 0;        // which of the cache's
  bool is_missing = false;      // done, and gone since
  std::uint64_t bytes = 0;
  int leases = 0;
  int waiting = 0;
  std::uint64_t last_use = 0;
};

ArtefactLease::ArtefactLease(ArtefactCache& cache, std::string key, std::string library)
    : cache_(&cache), key_(std::move(key)), library_(std::move(library)) {}
ArtefactLease::ArtefactLease(ArtefactLease&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)), key_(std::move(other.key_)), library_(std::move(other.library_)) {}
ArtefactLease& ArtefactLease::operator=(ArtefactLease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  cache_ = std::exchange(other.cache_, nullptr);
  key_ = std::move(other.key_);
  library_ = std::move(other.library_);
  return *this;
}
ArtefactLease::~ArtefactLease() { give_back(); }
void ArtefactLease::give_back() {
  if (cache_ != nullptr) std::exchange(cache_, nullptr)->give_back(key_);
}

ArtefactCache::ArtefactCache(asio::any_io_executor executor, BlockingPool& pool, Clock& clock, BlobServers& servers,
                             std::string directory, const ArtefactLimits& limits)
    : executor_(executor),
      pool_(pool),
      clock_(clock),
      servers_(servers),
      directory_(std::move(directory)),
      limits_(limits),
      removed_(executor),
      scope_(executor, "artefact cache") {}

ArtefactCache::~ArtefactCache() = default;

Async<ArtefactLease> ArtefactCache::lease(ArtefactWanted wanted, SteadyTime deadline) {
  CO_TRY_VOID(check(wanted, limits_));
  for (;;) {
    Entry& mine = begin_fetch(wanted.key, wanted);  // an entry that somebody waits for is not removed
    CO_TRY_VOID(co_await wait_fetched(mine, deadline));
    if (!mine.library.ok()) co_return mine.library.error();
    mine.last_use = ++uses_;
    // Leased before it is looked at: it is not evicted meanwhile.
    ++mine.leases;
    const std::size_t seen = mine.fetch;
    ArtefactLease lease(*this, wanted.key, *mine.library);
    const auto there = co_await is_there(lease.library());
    if (there.value_or(false)) co_return lease;
    LOG_WARN("the artefact {} is not where it was, its folder was removed: it is fetched again", lease.library());
    if (mine.fetch == seen) mine.is_missing = true;
  }
}

ArtefactCache::Entry& ArtefactCache::begin_fetch(const std::string& key, const ArtefactWanted& wanted) {
  auto& entry = entries_[key];
  const bool is_fresh = entry == nullptr;
  if (is_fresh) entry = std::make_unique<Entry>(executor_);
  const bool has_failed = entry->done.is_set() && !entry->library.ok() && entry->waiting == 0;
  if (is_fresh || has_failed || entry->is_missing) {
    entry->done.reset();
    entry->is_missing = false;
    entry->bytes = wanted.bytes;
    entry->fetch = ++fetches_;
    scope_.start("fetch " + key, fetch(key, wanted));
  }
  return *entry;
}

Async<bool> ArtefactCache::is_there(std::string library) {
  auto look = [&library] {
    std::error_code problem;
    return fs::is_regular_file(library, problem);
  };
  co_return co_await run_blocking(pool_, std::move(look));
}

Async<Result<void>> ArtefactCache::wait_fetched(Entry& entry, SteadyTime deadline) {
  struct Waiting {
    explicit Waiting(int& count) : count_(count) { ++count_; }
    ~Waiting() { --count_; }
    int& count_;
  } const waiting(entry.waiting);
  auto done = [](Event& event) -> Async<Result<void>> {
    co_await event.wait();
    co_return Result<void>();
  };
  auto work = with_deadline<void>(clock_, deadline, "fetching the job's artefact", done(entry.done));
  co_return co_await std::move(work);
}

Async<void> ArtefactCache::fetch(std::string key, ArtefactWanted wanted) {
  while (removing_.contains(key)) co_await removed_.wait();
  auto fetched = co_await fetch_verified(wanted);
  Result<std::string> library;
  if (fetched.ok()) {
    library = co_await publish(key);
  } else {
    library = std::move(fetched).error();
  }
  Entry& entry = *entries_.at(key);
  entry.library = std::move(library);
  entry.done.set();
  evict();
}

Async<std::string> ArtefactCache::publish(std::string key) {
  auto work = [this, key] { return publish_file(directory_, key); };
  co_return co_await run_blocking(pool_, std::move(work));
}

Async<Result<void>> ArtefactCache::fetch_verified(const ArtefactWanted& wanted) {
  const std::string path = directory_ + "/" + wanted.key + ".part";
  auto open = [&]() -> Result<Part> {
    TRY_VOID(LocalFileSystem().make_directories(directory_));
    return open_part(path, wanted.bytes);
  };
  CO_TRY(const Part part, co_await run_blocking(pool_, std::move(open)));
  CO_TRY(auto source, servers_.open(wanted.blob_address));
  Result<void> result = co_await download(*source, wanted, part.file.get(), part.bytes);
  co_await source->close();
  co_return result;
}

Async<Result<void>> ArtefactCache::download(BlobSource& source, const ArtefactWanted& wanted, int file,
                                            std::uint64_t offset) {
  const std::string part = directory_ + "/" + wanted.key + ".part";
  while (offset < wanted.bytes) {
    CO_TRY(const BlobPiece piece, co_await read_patiently(source, wanted, offset));
    if (piece.blob_bytes != wanted.bytes || piece.content.empty() || piece.content.size() > wanted.bytes - offset) {
      co_return Error::external(
          ErrorCode::corrupt,
          fmt::format("the blob server at {} has an artefact of {} bytes under that key, expected {}",
                      wanted.blob_address, piece.blob_bytes, wanted.bytes));
    }
    // A part that could not be written is no use for a later fetch, and takes the room that is missing.
    auto write = [&] {
      auto written = write_at(file, piece.content, offset, part);
      if (!written.ok()) remove_files(directory_, wanted.key);
      return written;
    };
    CO_TRY_VOID(co_await run_blocking(pool_, std::move(write)));
    offset += piece.content.size();
  }
  co_return Result<void>();
}

Async<BlobPiece> ArtefactCache::read_patiently(BlobSource& source, const ArtefactWanted& wanted, std::uint64_t offset) {
  auto pause = limits_.retry_pause;
  for (int attempt = 0;; ++attempt) {
    const SteadyTime deadline = clock_.now() + limits_.read_timeout;
    auto piece = co_await source.read(wanted.key, offset, kPieceBytes, deadline);
    if (piece.ok() || !worth_another_try(piece.error().code) || attempt == limits_.retries) {
      if (!piece.ok()) co_return piece.error().within("the artefact cannot be fetched from " + wanted.blob_address);
      co_return piece;
    }
    LOG_WARN("the artefact {} will be fetched on from byte {}: {}", wanted.key, offset, piece.error().message);
    co_await clock_.sleep_for(pause);
    pause *= 2;
  }
}

Async<void> ArtefactCache::remove(std::string key) {
  auto work = [this, key] { remove_files(directory_, key); };
  co_await run_blocking(pool_, std::move(work));
  removing_.erase(key);
  removed_.set();
  removed_.reset();
}

void ArtefactCache::give_back(const std::string& key) {
  --entries_.at(key)->leases;
  evict();
}

std::uint64_t ArtefactCache::kept_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry->done.is_set() && entry->library.ok() && entry->leases == 0) bytes += entry->bytes;
  }
  return bytes;
}

void ArtefactCache::evict() {
  while (kept_bytes() > limits_.kept_bytes_max) {
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      const Entry& candidate = *entry->second;
      if (!candidate.done.is_set() || !candidate.library.ok() || candidate.leases > 0 || candidate.waiting > 0)
        continue;
      if (oldest == entries_.end() || candidate.last_use < oldest->second->last_use) oldest = entry;
    }
    if (oldest == entries_.end()) return;
    removing_.insert(oldest->first);
    scope_.start("remove " + oldest->first, remove(oldest->first));
    entries_.erase(oldest);
  }
}

}  // namespace weir::taskmanager
