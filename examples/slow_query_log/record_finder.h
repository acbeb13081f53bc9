// Finds where the records of a slow-query log begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "examples/slow_query_log/fingerprint.h"
#include "examples/slow_query_log/header_line.h"
#include "examples/slow_query_log/sql_quotes.h"

namespace slow_query_log {

/// How a file holds its records: as the server writes them, blocks of lines; or one record a line, its lines joined by
/// bars or wrapped as JSON.
enum class FileForm { blocks, lines };

/// Decides by the first line that is neither empty nor a server's banner; an empty head is in blocks.
/// Lives on: any thread (pure).
/// @param head  the first bytes of a file, some kilobytes or all of it
FileForm form_of(std::string_view head);

/// Whether the lines of a record are joined by bars: its first line holds a bar that a further header line follows, or
/// is a `# Query_time:` line with a bar in it.
bool is_joined(std::string_view record);

/// Whether a line is the first of what a server writes at its start:
/// `/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:`
bool is_banner(std::string_view line);

/// Finds the beginning of the next record, in blocks of lines. README.md beside this file has the rules. In short:
/// behind a statement a record begins at the first header line of a run of them that has a `Query_time`, and at a
/// banner. Quotes and comments of the statement are followed, so that a header inside a string is a part of the string.
/// A string that is never closed ends at the next header: the finder reads up to kLookAheadBytes as if the header were
/// inside the string, and as if it were not, and takes the reading under which the rest is SQL. Lives on: one thread.
/// Owned by whoever cuts a stream of bytes; allocates nothing.
class RecordFinder {
 public:
  /// What is read before a place in the middle of a file to learn whether it lies inside a string.
  static constexpr size_t kLookBackBytes = 64u << 10;
  static constexpr size_t kLookAheadBytes = 64u << 10;
  /// A line is judged by so many of its first bytes.
  static constexpr size_t kLineBytes = 4096;
  /// `Query_time` stands that near behind the header's first line.
  static constexpr size_t kHeaderBytes = 8192;

  static constexpr size_t npos = std::string_view::npos;

  /// What stands where a search begins.
  enum class From {
    record,     ///< the first byte of a record: the one behind it is wanted
    statement,  ///< the first byte of a statement
    middle,     ///< anything: the first record that begins behind the next line end is wanted
    resume,     ///< where the last search stopped for want of bytes
  };
  struct Found {
    size_t start = npos;  ///< where a record begins; npos when none does, or more bytes are needed
    size_t resume = 0;    ///< when more are needed: none begins before; the next search goes on here, with From::resume
  };

  RecordFinder(FileForm form, LineEnd line_end) : form_(form), line_end_(line_end), quotes_(line_end) {}

  /// @param window  bytes of a log; all from `from` on are there
  /// @param at_end  whether the log ends with the window
  Found find(std::string_view window, size_t from, From what, bool at_end);

 private:
  enum class Phase : uint8_t {
    first,      // at the record's first line
    header,     // in header lines
    statement,  // quotes are followed
    text,       // no header precedes: the end of an older record, a banner, blank lines
  };
  enum class Judgement : uint8_t { starts, passes, needs_more };
  /// A run of header lines: what is known of the record that it begins.
  struct Run {
    bool needs_more = false;
    bool query_time = false;  // there is a Query_time
    bool digits = false;      // followed by a digit
  };

  void begin(From what);
  Found find_line(std::string_view window, size_t at, bool at_end);
  Found find_block(std::string_view window, size_t from, bool at_end);
  Judgement judge_marked(std::string_view window, size_t from, size_t& at, std::string_view line, bool at_end);
  Judgement judge_header(std::string_view line);
  Judgement judge_outside(std::string_view window, size_t from, size_t at, std::string_view line, bool at_end) const;
  Judgement judge_inside(std::string_view window, size_t& at, bool at_end);
  bool ends_record(std::string_view window, size_t at, size_t line_end);
  Found pause(std::string_view window, size_t from, size_t at);

  Run read_run(std::string_view window, size_t at, bool at_end) const;
  size_t find_line_end(std::string_view window, size_t from, size_t to) const;
  bool follows_semicolon(std::string_view window, size_t from, size_t at) const;

  // Set once
  FileForm form_;
  LineEnd line_end_;

  // What is known at the place where the search stands
  Phase phase_ = Phase::first;
  HeaderLines header_;
  SqlQuotes quotes_;
  size_t followed_ = 0;           // up to where quotes_ has read; valid within a call
  bool line_begins_ = true;       // the place is a line's first byte
  bool after_semicolon_ = false;  // the last byte before it that is not blank
};

}  // namespace slow_query_log
