// Reduces an SQL statement to what it has in common with its like: the fingerprint that the job counts by.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace slow_query_log {

/// How a record writes the end of a line: as itself, or as a bar when a shipper joined the lines of a block.
enum class LineEnd { newline, newline_or_bar };

/// Turns statements into fingerprints; README.md beside this file has the rules, the table in fingerprint_test.cc the
/// cases. Lives on: one thread. Owns one output buffer of fixed size; a call allocates nothing, throws nothing and
/// reads each byte of the statement once.
class Fingerprinter {
 public:
  /// A fingerprint that would be longer is cut after the last whole word that fits. (MySQL's own digests end at 1,024.)
  static constexpr size_t kBytesMax = 8192;

  Fingerprinter();

  /// @param statement  bytes of one statement as the server logged it, of any length, valid UTF-8 or not
  /// @param line_end   what ends a `#` or `--` comment besides the end of the statement
  /// @return           valid UTF-8 of at most kBytesMax bytes, in this object's buffer until the next call; empty when
  ///                   the statement holds nothing but blanks and comments
  std::string_view normalise(std::string_view statement, LineEnd line_end);

 private:
  std::unique_ptr<char[]> buffer_;
};

}  // namespace slow_query_log
