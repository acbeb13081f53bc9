// Reads the records of one range of one file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  using BoundaryFactory = std::function<std::unique_ptr<RecordBoundary>()>;

  /// @param split          kept up to date: position and done
  /// @param make_boundary  called at most twice, here and in open()
  SplitReader(FileSplit& split, const BoundaryFactory& make_boundary, SplitReaderOptions options);
  SplitReader(const SplitReader&) = delete;
  SplitReader& operator=(const SplitReader&) = delete;

  /// Finds the split's first record. Errors: io; the file is shorter than it was read before.
  Result<void> open(std::unique_ptr<InputFile> file);
  /// Appends records until there are `rows_max`, about a block's worth of bytes, or the window has no more; reads the
  /// file only when it has none. Nothing appended means that the split is done. Views are valid until the next call.
  /// Compressed data that is damaged ends the split with a broken record. Errors: io; the file has become shorter.
  Result<void> read(std::vector<RawRecord>& records, std::size_t rows_max);
  /// "path:begin..end" of record `index` of the last read.
  std::string place(std::size_t index) const;

 private:
  Result<void> look_at_head();
  Result<void> take_header(std::string_view head, bool whole, bool damaged);
  /// The first record that begins at or behind `from`, found alike by the reader that begins there and by the one
  /// before it. @return nothing when none begins before `stop`
  Result<std::optional<std::uint64_t>> find_near(std::uint64_t from, std::uint64_t stop);
  Result<void> fill();
  /// Reads behind what is there. @return whether the file goes on
  Result<bool> append_chunk(ByteWindow& window, std::uint64_t window_offset, std::size_t bytes_max);
  Result<void> produce(std::vector<RawRecord>& records, std::size_t rows_max);
  Result<std::size_t> record_end(const RecordBoundary::Found& found, bool at_end);
  void deliver(std::size_t end, std::vector<RawRecord>& records);
  void drop_overlong(std::vector<RawRecord>& records);
  void set_aside_rest(std::string reason, std::vector<RawRecord>& records);
  RawRecord raw_record(std::string_view bytes) const;
  bool window_at_end() const { return window_offset_ + window_.size() >= size_; }

  // Set once
  FileSplit& split_;
  std::unique_ptr<RecordBoundary> boundary_;
  /// Finds first records; null when what boundary_ finds does not depend on where it began.
  std::unique_ptr<RecordBoundary> middle_;
  SplitReaderOptions options_;
  std::unique_ptr<InputFile> file_;
  // Of the file when it was opened: what is appended meanwhile is not read. UINT64_MAX while only reading can tell.
  std::uint64_t size_ = UINT64_MAX;
  std::size_t mark_bytes_ = 0;  // of the byte order mark at the file's beginning

  // The window
  ByteWindow window_;
  std::uint64_t window_offset_ = 0;                           // of window_[0] in the file
  std::size_t record_ = 0;                                    // where the open record begins in window_
  std::size_t searched_ = 0;                                  // up to where window_ has no further beginning
  RecordBoundary::From what_ = RecordBoundary::From::record;  // stands at searched_
  bool overlong_ = false;  // the open record was delivered as too long; its rest is passed over

  // The end of the split's last record, which lies behind the split's
  std::uint64_t next_split_;                  // where the next split begins that has not been asked
  std::uint64_t first_of_next_ = UINT64_MAX;  // where its first record begins

  std::string header_;
  bool header_pending_ = false;
  std::string too_long_;
  std::string damage_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places_;  // of the last read
};

}  // namespace weir::connectors
