// Reads the records of one range of one file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/files/byte_window.h"
#include "connectors/files/file_splits.h"
#include "connectors/files/input_file.h"
#include "weir/connectors/raw_reader.h"

namespace weir::connectors {

struct SplitReaderOptions {
  std::size_t record_bytes_max = 0;
  bool has_header = false;
};

/// Lives on: the slot's thread. Owned by the file reader, one at a time. Holds one window of the file: a chunk and the
/// open record.
class SplitReader {
 public:
  /// @param split  kept up to date: position and done
  SplitReader(FileSplit& split, std::unique_ptr<RecordBoundary> boundary, SplitReaderOptions options);
  SplitReader(const SplitReader&) = delete;
  SplitReader& operator=(const SplitReader&) = delete;

  /// Errors: the file is gone, may not be read, or is shorter than it was read before.
  Result<void> open(FileSystem& files);
  /// Appends records until there are `rows_max`, about a block's worth of bytes, or the window has no more; reads the
  /// file only when it has none. Nothing appended means that the split is done. Views are valid until the next call.
  /// Compressed data that is damaged ends the split with a broken record. Errors: io; the file has become shorter.
  Result<void> read(std::vector<RawRecord>& records, std::size_t rows_max);
  /// "path:begin..end" of record `index` of the last read.
  std::string place(std::size_t index) const;

 private:
  Result<void> look_at_head();
  Result<void> take_header(std::string_view head, bool whole, bool damaged);
  Result<void> fill();
  /// Reads behind what is there. @return whether the file goes on
  Result<bool> append_chunk(std::size_t bytes_max);
  void produce(std::vector<RawRecord>& records, std::size_t rows_max);
  void deliver(std::size_t end, std::vector<RawRecord>& records);
  void drop_overlong(std::vector<RawRecord>& records);
  void set_aside_rest(std::string reason, std::vector<RawRecord>& records);
  RawRecord raw_record(std::string_view bytes) const;
  bool window_at_end() const { return window_offset_ + window_.size() >= size_; }

  // Set once
  FileSplit& split_;
  std::unique_ptr<RecordBoundary> boundary_;
  SplitReaderOptions options_;
  std::unique_ptr<InputFile> file_;
  // Of the file when it was opened: what is appended meanwhile is not read. UINT64_MAX while only reading can tell.
  std::uint64_t size_ = UINT64_MAX;

  // The window
  ByteWindow window_;
  std::uint64_t window_offset_ = 0;            // of window_[0] in the file
  std::size_t record_ = RecordBoundary::npos;  // where the open record begins in window_; npos: not found yet
  std::size_t searched_ = 0;                   // up to where window_ has no further beginning
  bool overlong_ = false;                      // the open record was delivered as too long; its rest is passed over

  std::string header_;
  bool header_pending_ = false;
  std::string too_long_;
  std::string damage_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places_;  // of the last read
};

}  // namespace weir::connectors
