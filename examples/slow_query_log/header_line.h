// The lines of a record's header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slow_query_log {

/// What a line that begins with `#` is.
enum class HeaderLine : uint8_t {
  none,           ///< no header line: some comment
  time,           ///< `# Time: ...`
  user,           ///< `# User@Host: ...`
  query_time,     ///< `# Query_time: ...`
  other,          ///< `# Name: ...`
  administrator,  ///< `# administrator command: ...`, which stands in the place of a statement
};

/// What follows the `#` and the blanks behind it.
/// @param line  without its line end; the first byte is the `#`
inline std::string_view header_body(std::string_view line) {
  line.remove_prefix(1);
  while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
  return line;
}

/// The lines that say where a record begins; none for all others. This runs for every line of every header.
inline HeaderLine leading_header_line(std::string_view line) {
  const std::string_view body = header_body(line);
  switch (body.empty() ? '\0' : body[0]) {
    case 'Q': return body.starts_with("Query_time:") ? HeaderLine::query_time : HeaderLine::none;
    case 'T': return body.starts_with("Time:") ? HeaderLine::time : HeaderLine::none;
    case 'U': return body.starts_with("User@Host:") ? HeaderLine::user : HeaderLine::none;
    case 'a': return body.starts_with("administrator command: ") ? HeaderLine::administrator : HeaderLine::none;
    default: return HeaderLine::none;
  }
}

/// @param line  without its line end; the first byte is the `#`
HeaderLine header_line(std::string_view line);

/// Whether a header line of another name has `Query_time:` further on: `# Lock_time: 0  Query_time: 1`.
bool has_query_time_inside(std::string_view line);

/// Where a second header line begins inside of this one, as in `# Time: x # User@Host: y`; npos when none does.
size_t header_inside(std::string_view line);

/// Whether a line consists of `Name: value` and nothing else: a header line that a server wrote without its `#`.
/// @param line  without its line end
bool is_bare_header(std::string_view line);

/// Which lines a header has so far.
class HeaderLines {
 public:
  /// Takes the next line of a run of header lines.
  /// @return false when it belongs to the next record: a header has one `Query_time`, one user and one time. (Two
  ///         times directly after each other are one header's.)
  bool take(HeaderLine line) {
    if (line == HeaderLine::time || line == HeaderLine::user || line == HeaderLine::query_time) {
      const bool again = (seen_ & bit(line)) != 0;
      if (again && (line == HeaderLine::query_time || last_ != line)) return false;
      seen_ |= bit(line);
    }
    last_ = line;
    return true;
  }

 private:
  static constexpr uint8_t bit(HeaderLine line) { return static_cast<uint8_t>(1u << static_cast<unsigned>(line)); }

  uint8_t seen_ = 0;
  HeaderLine last_ = HeaderLine::none;
};

}  // namespace slow_query_log
