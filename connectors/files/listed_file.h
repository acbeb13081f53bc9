// One input file as it was when it was listed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/storage/file_system.h"
#include "weir/result.h"

namespace weir::connectors {

/// The beginning of a file, by which a file that was written anew is told from the one that was listed.
struct FileHead {
  std::uint32_t bytes = 0;  ///< how many were hashed, at most ListedFile::kHeadBytes
  std::uint64_t hash = 0;
};

/// A file's identity is its device, its inode and its size when it was listed. All splits of one subtask read this file
/// and no other that takes its name: it stays open from the first of them to the last, so that it can be renamed or
/// removed meanwhile.
/// Lives on: the slot's thread. Owned by the splits of the file.
class ListedFile {
 public:
  static constexpr std::uint32_t kHeadBytes = 4096;

  /// Looks at the file now. One that cannot be looked at is an error when it is opened.
  explicit ListedFile(std::string path);

  const std::string& path() const { return path_; }
  /// Bytes in it when it was listed; 1 when it could not be looked at.
  std::uint64_t size() const { return size_; }
  /// Whether it was gone.
  bool missing() const { return missing_; }
  /// What a snapshot says about its beginning; before open().
  void expect(FileHead head) { head_ = head; }
  const std::optional<FileHead>& head() const { return head_; }

  /// Errors: it is gone or may not be read; another file has its name; it is shorter than when it was listed, or
  /// begins with something else.
  Result<std::shared_ptr<ReadableFile>> open(FileSystem& files);
  /// Whether what was read is what was listed. Errors: it was cut back or written anew meanwhile.
  Result<void> check() const;

  /// Counts the splits that are to be read; the last one to end closes the file.
  void begin_split() { ++splits_; }
  void end_split() {
    if (--splits_ == 0) file_.reset();
  }

 private:
  Result<void> check(ReadableFile& file) const;

  const std::string path_;
  ReadableFile::Identity identity_;
  std::uint64_t size_ = 1;
  bool looked_at_ = false;
  bool missing_ = false;
  std::optional<FileHead> head_;
  std::uint32_t splits_ = 0;
  std::shared_ptr<ReadableFile> file_;
};

}  // namespace weir::connectors
