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

BlobStore::BlobStore(asio::any_io_executor executor, BlockingPool& pool, FileSystem& files, Clock& clock,
                     BlobStoreOptions options, LibraryReader read_library)
    : pool_(pool),
      files_(files),
      clock_(clock),
      options_(std::move(options)),
      read_library_(std::move(read_library)),
      removed_(std::move(executor)) {}

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

/// Marks blobs as being deleted, until its end.
class BlobStore::Removal {
 public:
  Removal(BlobStore& store, const std::vector<BlobKey>& keys) : store_(store), keys_(keys) {
    store_.removing_.insert(keys_.begin(), keys_.end());
    store_.removed_.reset();
    for (const BlobKey& key : keys_) store_.verified_.erase(key);
  }
  ~Removal() {
    for (const BlobKey& key : keys_) store_.removing_.erase(key);
    store_.removed_.set();
  }
  Removal(const Removal&) = delete;

 private:
  BlobStore& store_;
  const std::vector<BlobKey> keys_;
};

Async<std::string> BlobStore::add(std::string path, std::string client_name) {
  const WallTime now = clock_.wall_now();
  const std::string name = http::safe_file_name(client_name);
  auto look = [&] { return examine(path, name); };
  auto examined = co_await run_blocking(pool_, std::move(look));
  if (!examined.ok()) co_return std::move(examined).error();
  const BlobContent content = *examined;
  while (removing_.contains(content.key)) co_await removed_.wait();
  // From here on nobody deletes this content, whether it was in the store already or comes now.
  const Pin pin(*this, content.key);
  bool is_new = false;
  auto work = [&] { return store(path, name, content, now, is_new); };
  auto stored = co_await run_blocking(pool_, std::move(work));
  if (!stored.ok()) {
    // For example because the disk is full. Unless another upload or a jar counts on the content, it goes.
    const bool is_alone = pins_.at(content.key) == 1 && !is_named(content.key);
    std::vector<BlobKey> left{content.key};
    if (is_new && is_alone) co_await remove_blobs(std::move(left));
    co_return std::move(stored).error();
  }
  Jar jar = std::move(stored).value();
  std::string id = jar.id;
  LOG_INFO("artefact {} is stored: {} bytes, {} jobs", id, jar.bytes, jar.artefact.entries.size());
  jars_.emplace(id, std::move(jar));
  co_return id;
}

bool BlobStore::is_named(const BlobKey& key) const {
  return std::any_of(jars_.begin(), jars_.end(), [&](const auto& jar) { return jar.second.key == key; });
}

/// Deletes their files. An upload of the same content waits for the end of this.
Async<void> BlobStore::remove_blobs(std::vector<BlobKey> keys) {
  if (keys.empty()) co_return;
  const Removal removal(*this, keys);
  auto work = [this, &keys] {
    for (const BlobKey& key : keys) {
      const auto removed = files_.remove(blob_path(key));
      if (!removed.ok()) LOG_WARN("cannot remove an unused artefact: {}", removed.error().message);
      remove_tree(unpacked_path(key));
    }
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

/// On the pool. What an upload holds, and whether it may come in at all.
Result<BlobContent> BlobStore::examine(const std::string& path, const std::string& name) {
  TRY_VOID(check_artefact_name(name));
  TRY(const BlobContent content, blob_key_of_file(files_, path));
  if (content.bytes <= options_.upload_bytes_max) return content;
  return Error::user(ErrorCode::resource_exhausted,
                     fmt::format("'{}' has {} bytes; at most {} are taken (rest.server.max-content-length)", name,
                                 content.bytes, options_.upload_bytes_max));
}

/// On the pool.
/// @param is_new  set when the content was not in the store before
Result<Jar> BlobStore::store(const std::string& path, const std::string& name, const BlobContent& content, WallTime now,
                             bool& is_new) {
  TRY_VOID(make_folders());  // somebody may have removed them
  const std::string unpacking = unpacking_path();
  TRY(auto artefact, inspect_artefact(path, name, unpacking, read_library_));
  if (artefact.is_bundle) TRY_VOID(keep_unpacked(unpacking, content.key));
  TRY(is_new, copy_blob(path, content));
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

Async<void> BlobStore::remove_unused(std::function<std::set<std::string>()> keys_in_use) {
  auto look = [this] { return files_.list(options_.directory + "/blobs"); };
  const auto names = co_await run_blocking(pool_, std::move(look));
  if (!names.ok()) co_return;
  // Chosen here, in one go: what is named from now on finds the mark of the removal.
  const std::set<std::string> in_use = keys_in_use();
  std::vector<BlobKey> unused;
  for (const std::string& name : *names) {
    const auto key = BlobKey::from_hex(name);  // an upload's unfinished file is none
    if (key.ok() && !in_use.contains(name) && !pins_.contains(*key) && !removing_.contains(*key) && !is_named(*key))
      unused.push_back(*key);
  }
  co_await remove_blobs(std::move(unused));
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
