// Cuts a stream of a slow-query log's bytes into records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/slow_query_log/record_finder.h"

namespace slow_query_log {

/// One piece of the stream.
struct RawRecord {
  std::string_view text;  ///< without the line end after it; valid until the next call of the splitter
  uint64_t offset = 0;    ///< of its first byte in the stream
  bool too_long = false;  ///< longer than the limit: `text` is its beginning, the rest was dropped
};

/// Cuts a stream of bytes into records, whatever the sizes of its chunks.
/// Lives on: one thread. Call feed() while next() returns nothing, finish() at the end of the stream, then next() until
/// nothing is left. Holds at most the limit, RecordFinder::kLookAheadBytes and one chunk.
class RecordSplitter {
 public:
  struct Options {
    FileForm form = FileForm::blocks;
    size_t record_bytes_max = 16u << 20;
  };

  explicit RecordSplitter(Options options) : options_(options), finder_(options.form, LineEnd::newline) {}

  /// @param chunk  the next bytes of the stream; copied
  void feed(std::string_view chunk);
  void finish() { finished_ = true; }

  /// The next record whose end is known; what is empty or blank is skipped. Text before the first header comes as a
  /// record too: a banner, or the end of a record that began in an older file.
  std::optional<RawRecord> next();

 private:
  std::optional<RawRecord> overlong();

  Options options_;
  RecordFinder finder_;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;                            // of buffer_[0] in the stream
  size_t start_ = 0;                                      // where the open record begins in buffer_
  size_t searched_ = 0;                                   // up to where buffer_ holds no further beginning
  RecordFinder::From what_ = RecordFinder::From::record;  // stands at searched_
  bool dropping_ = false;  // the open record was returned as too long; start_ moves on with the search
  bool finished_ = false;
};

}  // namespace slow_query_log
