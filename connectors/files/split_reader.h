// Reads the records of one range of one file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/storage/file_system.h"
#include "weir/connectors/raw_reader.h"

namespace weir::connectors {

/// A range of a file. The records that begin in it are its own, also the part of the last one that lies behind its end.
struct FileSplit {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = UINT64_MAX;
  /// Where the next record begins; `begin` is only where to look for one.
  std::uint64_t position = 0;
  bool located = false;  ///< `position` is known
  bool done = false;
};

struct SplitReaderOptions {
  std::size_t record_bytes_max = 0;
  bool has_header = false;
};

/// Lives on: the slot's thread. Owned by the file reader, one at a time. Holds one window of the file: a chunk and the open record.
class SplitReader {
 public:
  /// @param split  kept up to date: position and done
  SplitReader(FileSplit& split, std::unique_ptr<RecordBoundary> boundary, SplitReaderOptions options);
  SplitReader(const SplitReader&) = delete;
  SplitReader& operator=(const SplitReader&) = delete;

  /// Errors: the file is gone or may not be read.
  Result<void> open(FileSystem& files);
  /// Appends at most `rows_max` records until about a block's worth is there or the window has no more; reads the file only when it has none.
  /// Nothing appended means that the split is done. Views are valid until the next call.
  Result<void> read(std::vector<RawRecord>& records, std::size_t rows_max);
  /// "path:begin..end" of record `index` of the last read.
  std::string place(std::size_t index) const;

 private:
  Result<void> read_header();
  Result<void> fill();
  void produce(std::vector<RawRecord>& records, std::size_t rows_max);
  void deliver(std::size_t end, std::vector<RawRecord>& records);
  void drop_overlong(std::vector<RawRecord>& records);
  bool window_at_end() const { return window_offset_ + window_.size() >= size_; }

  // Set once
  FileSplit& split_;
  std::unique_ptr<RecordBoundary> boundary_;
  SplitReaderOptions options_;
  std::unique_ptr<ReadableFile> file_;
  std::uint64_t size_ = 0;  // of the file when it was opened: what is appended meanwhile is not read

  // The window
  std::string window_;
  std::uint64_t window_offset_ = 0;     // of window_[0] in the file
  std::size_t record_ = RecordBoundary::npos;  // where the open record begins in window_; npos: not found yet
  std::size_t searched_ = 0;            // up to where window_ has no further beginning
  bool overlong_ = false;               // the open record was delivered as too long; its rest is passed over

  std::string header_;
  bool header_pending_ = false;
  std::string too_long_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places_;  // of the last read
};

}  // namespace weir::connectors
