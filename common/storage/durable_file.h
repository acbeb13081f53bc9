// A file that appears under its name whole and on the disk, or not at all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/storage/file_system.h"
#include "weir/result.h"

namespace weir {

/// Writes `.NAME.inprogress.<random>` beside the name, hidden from who lists the directory, and publishes it: sync,
/// checked close, rename, sync of the directory. One thread at a time. Given up when it ends without `publish`: the
/// file in progress is removed. A process that is killed leaves one behind; `remove_unfinished` clears them.
class DurableFile {
 public:
  /// Errors: those of FileSystem::create.
  static Result<DurableFile> create(FileSystem& files, std::string path);
  DurableFile(DurableFile&&) noexcept;
  DurableFile& operator=(DurableFile&&) = delete;
  ~DurableFile();

  /// Errors: io, and the file cannot be published any more.
  Result<void> append(std::string_view bytes);
  /// Makes what was appended durable, and closes the file, which stays hidden. Nothing can be appended afterwards. May
  /// run on another thread than the other calls, not at the same time. Errors: io; the file cannot be published.
  Result<void> seal();
  /// Seals the file if that was not done, and makes it visible under its name, in place of one that was there. Once
  /// only.
  /// Errors: io. What was there before then still is, unless only the last step failed, the sync of the directory: the
  /// new file is then in place, but might not survive the loss of power.
  Result<void> publish();
  /// From here on the file stays when this object ends: somebody has noted that it must be published.
  void keep() { kept_ = true; }
  const std::string& path() const { return path_; }
  /// Its name while it is hidden.
  const std::string& hidden_path() const { return temporary_; }
  /// Bytes appended so far.
  std::uint64_t size() const { return size_; }

 private:
  DurableFile(FileSystem& files, std::string path, std::string temporary, std::unique_ptr<WritableFile> file);

  FileSystem* files_;
  std::string path_;
  std::string temporary_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t size_ = 0;
  bool broken_ = false;
  bool sealed_ = false;
  bool kept_ = false;
};

/// Publishes a file that was sealed and kept by a process that has ended: moves it to its name, if that was not done
/// yet. Errors: io; not_found when there is neither.
Result<void> publish_sealed(FileSystem& files, const std::string& hidden_path, const std::string& path);

/// Writes `bytes` as a durable file. Errors: as DurableFile.
Result<void> write_durably(FileSystem& files, const std::string& path, std::string_view bytes);

/// The whole of a file. Errors: those of FileSystem::open; resource_exhausted when it is larger than `bytes_max`.
Result<std::string> read_whole(FileSystem& files, const std::string& path, std::uint64_t bytes_max);

/// Whether a name is that of a file in progress.
bool is_unfinished(std::string_view name);

/// Removes what killed processes left in a directory. Only where no other process writes.
/// @return how many files were removed. Errors: those of FileSystem::list and remove.
Result<std::size_t> remove_unfinished(FileSystem& files, const std::string& directory);

}  // namespace weir
