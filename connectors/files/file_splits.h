// Which ranges of which files are one subtask's own, and how far each has been read.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/files/listed_file.h"
#include "weir/result.h"
#include "weir/snapshot.h"

namespace weir::connectors {

/// A range of a file. The records that begin in it are its own, also the part of the last one that lies behind its end.
struct FileSplit {
  std::shared_ptr<ListedFile> file;
  std::uint64_t begin = 0;
  std::uint64_t end = UINT64_MAX;
  /// Where the next record begins; `begin` is only where to look for one.
  std::uint64_t position = 0;
  bool located = false;  ///< `position` is known
  bool done = false;
  FileHead head;  ///< of a split that comes from a snapshot

  const std::string& path() const { return file->path(); }
};

/// Lives on: the slot's thread. Owned by the file reader. Every subtask lists the files itself; range i of a file
/// is the split (path, i), and compressed files are one range. Order: restore, open, add.
class FileSplits {
 public:
  /// @param split_bytes  length of a range; UINT64_MAX: files are not cut
  explicit FileSplits(std::uint64_t split_bytes) : split_bytes_(split_bytes) {}

  void open(std::uint32_t subtask, std::uint32_t subtasks);
  /// Takes up the files that it has not seen, and forgets those that are no longer there and are read.
  /// @param files  sorted, as listed now
  /// @param lose_none  whether a file that has gone since the listing stays, for its reader to say so
  /// @return       splits that are new
  /// Errors: a compression that is not read; a file that a snapshot says is half read is gone.
  Result<std::size_t> add(const std::vector<std::string>& files, bool lose_none);
  /// A split that is not done, the same until it is; null when all are.
  FileSplit* next();

  /// What has been begun or is done; what has not is found by listing. One for each split.
  void snapshot(SnapshotContext& context) const;
  /// Errors: corrupt; a snapshot that was taken with another length of ranges.
  Result<void> restore(const RestoredState& state);

 private:
  bool mine(const std::string& path, std::uint64_t index) const;
  std::size_t add_file(const std::shared_ptr<ListedFile>& file, bool whole);
  void resume(FileSplit& split);
  Result<void> check_restored() const;

  const std::uint64_t split_bytes_;
  std::uint32_t subtask_ = 0;
  std::uint32_t subtasks_ = 1;
  std::map<std::pair<std::string, std::uint64_t>, FileSplit> restored_;  // by path and begin, until the first listing
  std::set<std::string> known_;                                          // files that were listed
  std::list<FileSplit> splits_;                                          // readers keep references
  std::list<FileSplit>::iterator current_ = splits_.end();
};

}  // namespace weir::connectors
