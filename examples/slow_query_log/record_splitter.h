// Finds where the records of a slow-query log begin, and cuts a stream of its bytes into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slow_query_log {

/// How a file holds its records: as the server writes them, blocks of lines; or one record a line, its lines joined by
/// bars or wrapped as JSON.
enum class FileForm { blocks, lines };

/// Decides by the first line that is neither empty nor a server's banner; an empty head is in blocks.
/// Lives on: any thread (pure).
/// @param head  the first bytes of a file, some kilobytes or all of it
FileForm form_of(std::string_view head);

/// How many bytes before a line find_record_start() may look at to tell whether the line begins a record.
constexpr size_t kLookBackBytes = 4096;

/// The next place where a record begins. In blocks that is a line `# Time: <digit>`; a line `# User@Host: ` that
/// follows no such line; a line `# Query_time: <digit>` that follows no header line; and a server's banner, which is
/// cut off as a record of its own. The answer depends only on the line and at most kLookBackBytes before it, so that
/// readers that start at different places agree. A header line inside a string of a statement looks like a header: only
/// its exact form makes it one. Lives on: any thread (pure).
/// @param window  bytes of a file; when window[0] is not the file's first byte, it stands kLookBackBytes before `from`
/// @param from    the first offset in `window` that counts
/// @param at_end  whether the file ends with the window; otherwise a last line without its end is not judged
/// @return        the offset of the record's first byte; npos when the window has none
size_t find_record_start(std::string_view window, size_t from, FileForm form, bool at_end);

/// One piece of the stream.
struct RawRecord {
  std::string_view text;  ///< without the line end after it; valid until the next call of the splitter
  uint64_t offset = 0;    ///< of its first byte in the stream
  bool too_long = false;  ///< longer than the limit: `text` is its beginning, the rest was dropped
};

/// Cuts a stream of bytes into records, whatever the sizes of its chunks.
/// Lives on: one thread. feed() as long as next() answers nothing, finish() at the end of the stream, next() until
/// nothing is left. Holds at most the limit and one chunk.
class RecordSplitter {
 public:
  struct Options {
    FileForm form = FileForm::blocks;
    size_t record_bytes_max = 16u << 20;
  };

  explicit RecordSplitter(Options options) : options_(options) {}

  /// @param chunk  the next bytes of the stream; copied
  void feed(std::string_view chunk);
  void finish() { finished_ = true; }

  /// The next record whose end is known; what is empty or blank is skipped. Text before the first header comes as a
  /// record too: a banner, or the end of a record that began in an older file.
  std::optional<RawRecord> next();

 private:
  std::optional<RawRecord> overlong();

  Options options_;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;  // of buffer_[0] in the stream
  size_t start_ = 0;            // where the open record begins in buffer_
  size_t searched_ = 0;         // up to where buffer_ holds no further beginning
  bool dropping_ = false;       // the open record was answered as too long; start_ moves on with the search
  bool finished_ = false;
};

}  // namespace slow_query_log
