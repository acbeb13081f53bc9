// Reads one record of a slow-query log, in the forms of MySQL 5.7, MySQL 8 and MariaDB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "examples/slow_query_log/fingerprint.h"

namespace slow_query_log {

/// What one record says. Texts are views into the record, or into the parser where the record was wrapped in JSON; they
/// are bytes as the server wrote them, UTF-8 or not.
struct SlowQuery {
  /// Microseconds since 1970; kNoTime when the record has no time. The header's time when it names its zone, else
  /// `SET timestamp`, else the header's local time read as UTC.
  int64_t time_us = kNoTime;
  std::string_view user;  ///< the account's name, in brackets in the header; the name given at login when that is empty
  std::string_view host;  ///< the host's name; its address when that is empty
  std::string_view schema;     ///< of the header, or of a `use` line
  uint64_t connection_id = 0;  ///< `Id` of MySQL, `Thread_id` of MariaDB
  int64_t query_time_us = 0;
  int64_t lock_time_us = 0;
  uint64_t rows_sent = 0;
  uint64_t rows_examined = 0;
  uint64_t rows_affected = 0;
  /// From its first byte to the end of the record; not empty. What follows its last semicolon is still in it.
  std::string_view statement;
  LineEnd line_end = LineEnd::newline;
  /// `Quit`, `Init DB`, ...: the statement is then `administrator command: Quit;`.
  bool administrator_command = false;

  static constexpr int64_t kNoTime = INT64_MIN;
};

/// Lives on: one thread. Owns a buffer for unwrapped records; reads each record once, allocates nothing for records
/// that are not JSON, throws nothing.
class SlowLogParser {
 public:
  enum class Outcome {
    query,    ///< `query` is set
    nothing,  ///< no query in it, and nothing wrong: a server's banner, blank lines
    broken,   ///< reason() says why
  };

  /// @param record  a block of lines, a record whose lines are joined by bars, or a JSON object whose `message` is one
  /// of them
  /// @param query   overwritten in every case; valid until the next call or the end of `record`
  Outcome parse(std::string_view record, SlowQuery& query);

  /// Why the last record was broken: one sentence without its stop.
  std::string_view reason() const { return reason_; }

 private:
  Outcome broken(const char* reason);
  Outcome parse_lines(std::string_view record, SlowQuery& query);

  std::string message_;
  std::string_view reason_;
};

}  // namespace slow_query_log
