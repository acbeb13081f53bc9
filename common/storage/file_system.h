// Files as the engine uses them: the seam at which a simulation forgets what was not synced, tears, fails and slows
// down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir {

/// A file open for reading. Any thread, several at once; read_at keeps no position.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// Which file this is: two open files are the same one when device and inode are equal.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  /// Errors: io.
  virtual Result<Identity> identity() = 0;
  /// Reads up to into.size() bytes from `offset`; fewer only at the end of the file, 0 behind it. Blocks.
  /// Errors: io with the path.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) = 0;
  /// Bytes in the file now. Errors: io.
  virtual Result<std::uint64_t> size() = 0;
};

/// A new file open for writing at its end. One thread at a time. Blocks.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Writes all of `bytes` behind what is there. After an error the content is undefined. Errors: io with the path.
  virtual Result<void> append(std::string_view bytes) = 0;
  /// Returns when everything written survives the loss of power. Errors: io; the file must then be given up, because a
  /// second try would report success for pages that the kernel has already dropped.
  virtual Result<void> sync() = 0;
  /// Closes, and reports what a file system says only now (NFS: no space). Nothing may follow. Errors: io.
  virtual Result<void> close() = 0;
};

/// A tree of files. Any thread. Every call blocks: from a control thread only through `run_blocking`.
/// Errors of all calls: not_found, already_exists, permission_denied, else io; each names the path and the reason.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<ReadableFile>> open(const std::string& path) = 0;
  /// Makes a file that must not exist yet, readable by its owner and group.
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path) = 0;
  /// Moves a file to a name in the same file system; what was there is replaced in one step.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Names (not paths) in a directory, sorted, without "." and "..". At most 1,000,000: resource_exhausted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  /// Removes a file or an empty directory.
  virtual Result<void> remove(const std::string& path) = 0;
  /// Makes a directory and those above it; no error when it is there.
  virtual Result<void> make_directories(const std::string& path) = 0;
  /// Returns when the names in a directory survive the loss of power.
  virtual Result<void> sync_directory(const std::string& directory) = 0;
};

}  // namespace weir
