#include "jobmanager/blob/blob_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/base/try.h"
#include "common/http/multipart.h"
#include "common/observe/log.h"
#include "common/storage/bundle.h"
#include "common/storage/durable_file.h"

namespace weir::jobmanager {

namespace {

constexpr std::size_t kCopyBytes = 256 * 1024;
constexpr std::uint64_t kJarFileBytesMax = 4096;

/// "3a0c...-...": a random id in the usual form, as Flink puts it before a jar's name.
std::string uuid() {
  const std::string hex = ExecutionId::random().to_hex();
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20));
}

Error unknown_jar(const std::string& id) {
  return Error::user(ErrorCode::not_found,
                     fmt::format("Unable to find the jar {}; upload it first", printable(id, 200)));
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

bool is_file_of(const std::string& path, std::uint64_t bytes) {
  std::error_code problem;
  return std::filesystem::file_size(path, problem) == bytes && !problem;
}

}  // namespace

BlobStore::BlobStore(BlockingPool& pool, FileSystem& files, Clock& clock, BlobStoreOptions options,
                     LibraryReader read_library)
    : pool_(pool), files_(files), clock_(clock), options_(std::move(options)), read_library_(std::move(read_library)) {}

std::string BlobStore::blob_path(const BlobKey& key) const { return options_.directory + "/blobs/" + key.to_hex(); }
std::string BlobStore::jar_path(const std::string& id) const { return options_.directory + "/jars/" + id; }
std::string BlobStore::unpacked_path(const BlobKey& key) const {
  return options_.directory + "/unpacked/" + key.to_hex();
}
std::string BlobStore::unpacking_path() const { return options_.directory + "/unpacked/" + uuid(); }

Result<void> BlobStore::open() {
  remove_tree(options_.directory + "/unpacked");
  TRY_VOID(make_folders());
  for (const char* name : {"/blobs", "/jars"}) TRY_VOID(remove_unfinished(files_, options_.directory + name));
  TRY(auto names, files_.list(options_.directory + "/jars"));
  for (const auto& id : names) {
    auto jar = recover(id);
    if (jar.ok()) {
      jars_.emplace(id, std::move(jar).value());
    } else {
      LOG_WARN("the stored artefact {} can't be used any more: {}", id, jar.error().message);
    }
  }
  return {};
}

Result<void> BlobStore::make_folders() {
  for (const char* name : {"/blobs", "/jars", "/unpacked"})
    TRY_VOID(files_.make_directories(options_.directory + name));
  return {};
}

Result<Jar> BlobStore::recover(const std::string& id) {
  TRY(auto line, read_whole(files_, jar_path(id), kJarFileBytesMax));
  Jar jar;
  jar.id = id;
  jar.name = id.substr(std::min(id.find('_') + 1, id.size()));
  std::int64_t uploaded_ms = 0;
  char hex[65] = {};
  if (std::sscanf(line.c_str(), "%64s %lu %ld", hex, &jar.bytes, &uploaded_ms) != 3) {
    return Error::external(ErrorCode::corrupt, "its entry in the store is damaged");
  }
  TRY(jar.key, BlobKey::from_hex(hex));
  jar.uploaded = WallTime(std::chrono::milliseconds(uploaded_ms));
  const std::string unpacking = unpacking_path();
  TRY(jar.artefact, inspect_artefact(blob_path(jar.key), jar.name, unpacking, read_library_));
  if (jar.artefact.is_bundle) TRY_VOID(keep_unpacked(unpacking, jar.key));
  return jar;
}

Async<std::string> BlobStore::add(std::string path, std::string client_name) {
  const WallTime now = clock_.wall_now();
  BlobKey fresh;
  auto work = [&] { return store(path, client_name, now, fresh); };
  ++adding_;
  auto stored = co_await run_blocking(pool_, std::move(work));
  --adding_;
  if (!stored.ok()) {
    if (!fresh.is_none()) co_await forget_fresh(fresh);
    co_return std::move(stored).error();
  }
  Jar jar = std::move(stored).value();
  std::string id = jar.id;
  LOG_INFO("artefact {} is stored: {} bytes, {} jobs", id, jar.bytes, jar.artefact.entries.size());
  jars_.emplace(id, std::move(jar));
  co_return id;
}

/// The content of an upload whose jar could not be recorded, for example because the disk is full: unless another
/// upload of the same content may count on it, it goes.
Async<void> BlobStore::forget_fresh(BlobKey fresh) {
  const bool is_used =
      std::any_of(jars_.begin(), jars_.end(), [&](const auto& jar) { return jar.second.key == fresh; });
  if (adding_ > 0 || is_used) co_return;
  auto work = [this, fresh] {
    const auto removed = files_.remove(blob_path(fresh));
    if (!removed.ok()) LOG_WARN("cannot remove an unused artefact: {}", removed.error().message);
    remove_tree(unpacked_path(fresh));
  };
  co_await run_blocking(pool_, std::move(work));
}

Async<void> BlobStore::discard(std::string path) {
  auto work = [&] {
    const auto removed = files_.remove(path);
    if (!removed.ok()) LOG_WARN("cannot remove an upload: {}", removed.error().message);
  };
  co_await run_blocking(pool_, std::move(work));
}

/// On the pool.
/// @param fresh  takes the key when the content was not in the store before
Result<Jar> BlobStore::store(const std::string& path, const std::string& client_name, WallTime now, BlobKey& fresh) {
  const std::string name = http::safe_file_name(client_name);
  TRY_VOID(check_artefact_name(name));
  TRY(const BlobContent content, blob_key_of_file(files_, path));
  if (content.bytes > options_.upload_bytes_max) {
    return Error::user(ErrorCode::resource_exhausted,
                       fmt::format("'{}' has {} bytes; at most {} are taken (rest.server.max-content-length)", name,
                                   content.bytes, options_.upload_bytes_max));
  }
  TRY_VOID(make_folders());  // somebody may have removed them
  const std::string unpacking = unpacking_path();
  TRY(auto artefact, inspect_artefact(path, name, unpacking, read_library_));
  if (artefact.is_bundle) TRY_VOID(keep_unpacked(unpacking, content.key));
  TRY(const bool is_new, copy_blob(path, content));
  if (is_new) fresh = content.key;
  Jar jar{uuid() + "_" + name, name, content.key, content.bytes, now, std::move(artefact)};
  const std::string line =
      fmt::format("{} {} {}\n", content.key.to_hex(), content.bytes, now.time_since_epoch().count());
  TRY_VOID(write_durably(files_, jar_path(jar.id), line));
  return jar;
}

/// On the pool. Whether it had to be copied.
Result<bool> BlobStore::copy_blob(const std::string& path, const BlobContent& content) {
  if (is_file_of(blob_path(content.key), content.bytes)) return false;
  TRY(auto source, files_.open(path));
  TRY(auto target, DurableFile::create(files_, blob_path(content.key)));
  std::string buffer(kCopyBytes, '\0');
  BlobHasher hasher;
  for (std::uint64_t offset = 0;;) {
    TRY(const std::size_t count, source->read_at(offset, buffer));
    if (count == 0) break;
    const std::string_view piece(buffer.data(), count);
    hasher.update(piece);
    TRY_VOID(target.append(piece));
    offset += count;
  }
  if (hasher.finish() != content.key)
    return Error::external(ErrorCode::corrupt, fmt::format("{} changed while it was stored", path));
  TRY_VOID(target.publish());
  return true;
}

/// On the pool. Somebody else may have unpacked the same content meanwhile: it is the same.
Result<void> BlobStore::keep_unpacked(const std::string& unpacking, const BlobKey& key) {
  std::error_code problem;
  std::filesystem::rename(unpacking, unpacked_path(key), problem);
  if (!problem) return {};
  remove_tree(unpacking);
  if (std::filesystem::is_directory(unpacked_path(key))) return {};
  return Error::external(ErrorCode::io,
                         fmt::format("cannot keep the unpacked bundle {}: {}", unpacked_path(key), problem.message()));
}

Async<Result<void>> BlobStore::remove(std::string jar_id) {
  auto found = jars_.find(jar_id);
  if (found == jars_.end()) co_return unknown_jar(jar_id);
  jars_.erase(found);
  LOG_INFO("artefact {} is removed", jar_id);
  auto work = [this, jar_id] { return files_.remove(jar_path(jar_id)); };
  auto removed = co_await run_blocking(pool_, std::move(work));
  co_return removed;
}

Async<void> BlobStore::remove_unused(std::set<std::string> keys_in_use) {
  for (const auto& [id, jar] : jars_) keys_in_use.insert(jar.key.to_hex());
  auto work = [this, keys_in_use] {
    auto names = files_.list(options_.directory + "/blobs");
    if (!names.ok()) return;
    for (const auto& name : *names) {
      // Young ones may belong to an upload that is not a jar yet.
      const std::string path = options_.directory + "/blobs/" + name;
      std::error_code problem;
      const auto written = std::filesystem::last_write_time(path, problem);
      const bool is_young =
          problem || std::filesystem::file_time_type::clock::now() - written < std::chrono::minutes(1);
      if (keys_in_use.contains(name) || is_unfinished(name) || is_young) continue;
      auto removed = files_.remove(path);
      if (!removed.ok()) LOG_WARN("cannot remove an unused artefact: {}", removed.error().message);
      remove_tree(options_.directory + "/unpacked/" + name);
    }
  };
  co_await run_blocking(pool_, std::move(work));
}

Result<Jar> BlobStore::find(const std::string& jar_id) const {
  auto found = jars_.find(jar_id);
  if (found == jars_.end()) return unknown_jar(jar_id);
  return found->second;
}

std::vector<Jar> BlobStore::jars() const {
  std::vector<Jar> all;
  for (const auto& [id, jar] : jars_) all.push_back(jar);
  std::stable_sort(all.begin(), all.end(), [](const Jar& a, const Jar& b) { return a.uploaded > b.uploaded; });
  return all;
}

Async<std::string> BlobStore::library_path(Jar jar) {
  auto work = [this, &jar]() -> Result<std::string> {
    if (!is_file_of(blob_path(jar.key), jar.bytes)) {
      return Error::external(ErrorCode::not_found, fmt::format("the file of {} is gone from {}: upload it again",
                                                               jar.id, options_.directory));
    }
    if (!jar.artefact.is_bundle) return blob_path(jar.key);
    const std::string library = unpacked_path(jar.key) + "/" + jar.artefact.library;
    std::error_code problem;
    if (std::filesystem::is_regular_file(library, problem)) return library;
    TRY_VOID(make_folders());
    const std::string unpacking = unpacking_path();
    TRY_VOID(unpack_bundle(blob_path(jar.key), unpacking, BundleLimits()));
    TRY_VOID(keep_unpacked(unpacking, jar.key));
    return library;
  };
  auto path = co_await run_blocking(pool_, std::move(work));
  co_return path;
}

Async<BlobPiece> BlobStore::read(BlobKey key, std::uint64_t offset, std::uint32_t bytes_max) {
  if (!verified_.contains(key)) {
    auto verify = [this, key] { return blob_key_of_file(files_, blob_path(key)); };
    auto content = co_await run_blocking(pool_, std::move(verify));
    if (!content.ok()) co_return std::move(content).error();
    if (content->key != key) {
      LOG_ERROR("the stored artefact {} is damaged: its content has the SHA-256 {}", blob_path(key),
                content->key.to_hex());
      co_return Error::external(
          ErrorCode::corrupt,
          fmt::format("the artefact {} is damaged in the JobManager's store: upload the job again", key.to_hex()));
    }
    verified_.insert(key);
  }
  const std::size_t bytes = std::min<std::size_t>(bytes_max, kPieceBytesMax);
  auto work = [this, key, offset, bytes] { return read_piece(key, offset, bytes); };
  auto piece = co_await run_blocking(pool_, std::move(work));
  co_return piece;
}

/// On the pool.
Result<BlobPiece> BlobStore::read_piece(const BlobKey& key, std::uint64_t offset, std::size_t bytes) {
  TRY(auto file, files_.open(blob_path(key)));
  BlobPiece piece;
  TRY(piece.blob_bytes, file->size());
  if (offset > piece.blob_bytes) {
    return Error::user(ErrorCode::invalid_argument, fmt::format("the artefact {} has {} bytes, asked for: from {}",
                                                                key.to_hex(), piece.blob_bytes, offset));
  }
  piece.content.resize(std::min<std::uint64_t>(bytes, piece.blob_bytes - offset));
  TRY(const std::size_t count, file->read_at(offset, piece.content));
  piece.content.resize(count);
  return piece;
}

}  // namespace weir::jobmanager
