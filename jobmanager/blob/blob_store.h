// Uploaded artefacts: stored under the SHA-256 of their content, known to clients by their jar ids.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task.h"
#include "common/storage/blob_key.h"
#include "common/storage/file_system.h"
#include "jobmanager/blob/artefact.h"
#include "weir/result.h"

namespace weir::jobmanager {

struct BlobStoreOptions {
  std::string directory;  ///< exists; nobody else writes below it
  std::uint64_t upload_bytes_max = 104'857'600;
};

/// One upload.
struct Jar {
  std::string id;    ///< "<uuid>_<safe name>"
  std::string name;  ///< safe
  BlobKey key;
  std::uint64_t bytes = 0;
  WallTime uploaded{};
  JobArtefact artefact;
};

/// A piece of a blob.
struct BlobPiece {
  std::string content;  ///< empty at its end
  std::uint64_t blob_bytes = 0;
};

/// Files below the directory: `blobs/<sha-256>`, `jars/<jar id>` (a line with key, size and time),
/// `unpacked/<sha-256>/`. What was stored is found again by the next JobManager over the same directory. Lives on: the
/// control thread; file work is done on the pool. Owned by the daemon.
class BlobStore {
 public:
  static constexpr std::size_t kPieceBytesMax = 1u << 20;

  BlobStore(asio::any_io_executor executor, BlockingPool& pool, FileSystem& files, Clock& clock,
            BlobStoreOptions options, LibraryReader read_library);

  /// Keeps one blob in the store, with or without a jar, as long as it lives. On the control thread, not beyond the
  /// store's life.
  class Pin {
   public:
    Pin(BlobStore& store, const BlobKey& key) : store_(store), key_(key) { ++store_.pins_[key_]; }
    ~Pin() {
      if (const auto pin = store_.pins_.find(key_); --pin->second == 0) store_.pins_.erase(pin);
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    BlobStore& store_;
    const BlobKey key_;
  };

  /// Makes the directories, clears what a killed process left, finds earlier jars. Blocks: at start only.
  /// Errors: io. A jar that can't be used any more is left out with a warning.
  Result<void> open();

  /// Checks a file, stores its content, makes a jar of it. The file is left where it is.
  /// @param client_name  as the client wrote it
  /// Errors: invalid_argument, resource_exhausted for what is refused, with one sentence; io.
  Async<std::string> add(std::string path, std::string client_name);
  /// Deletes an upload that has been added, or refused.
  Async<void> discard(std::string path);
  /// Errors: not_found.
  Async<Result<void>> remove(std::string jar_id);
  /// Deletes blobs that no jar, no pin and no job names.
  /// @param keys_in_use  of the jobs; called when the blobs to delete are chosen, which is later
  Async<void> remove_unused(std::function<std::set<std::string>()> keys_in_use);

  /// Errors: not_found.
  Result<Jar> find(const std::string& jar_id) const;
  /// The newest first.
  std::vector<Jar> jars() const;
  /// Path of the jar's entry library; of a bundle, after unpacking when need be.
  Async<std::string> library_path(Jar jar);

  /// At most kPieceBytesMax bytes. The content is compared with its key before its first piece is given out.
  /// Errors: not_found; invalid_argument beyond the end; corrupt when the file is not what it was.
  Async<BlobPiece> read(BlobKey key, std::uint64_t offset, std::uint32_t bytes_max);

 private:
  Result<void> make_folders();
  std::string blob_path(const BlobKey& key) const;
  std::string jar_path(const std::string& id) const;
  std::string unpacked_path(const BlobKey& key) const;
  std::string unpacking_path() const;
  class Removal;
  Result<BlobContent> examine(const std::string& path, const std::string& name);
  Result<Jar> store(const std::string& path, const std::string& name, const BlobContent& content, WallTime now,
                    bool& is_new);
  bool is_named(const BlobKey& key) const;
  Async<void> remove_blobs(std::vector<BlobKey> keys);
  Result<bool> copy_blob(const std::string& path, const BlobContent& content);
  Result<void> keep_unpacked(const std::string& unpacking, const BlobKey& key);
  Result<Jar> recover(const std::string& id);
  Result<BlobPiece> read_piece(const BlobKey& key, std::uint64_t offset, std::size_t bytes);

  // Set once
  BlockingPool& pool_;
  FileSystem& files_;
  Clock& clock_;
  const BlobStoreOptions options_;
  const LibraryReader read_library_;
  // Control thread only
  std::map<std::string, Jar> jars_;
  std::set<BlobKey> verified_;
  std::map<BlobKey, int> pins_;
  std::set<BlobKey> removing_;  // their files are being deleted: an upload of the same content waits
  Event removed_;
};

}  // namespace weir::jobmanager
