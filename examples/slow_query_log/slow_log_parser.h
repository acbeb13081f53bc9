// Reads one record of a slow-query log, in the forms of MySQL, Percona Server and MariaDB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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

/// Reads what one message holds: one record for most, several where a shipper put them together.
/// Lives on: one thread. Owns a buffer for unwrapped records; reads each record once, allocates nothing for records
/// that are not JSON, throws nothing.
class SlowLogParser {
 public:
  enum class Outcome {
    query,    ///< `query` is set
    nothing,  ///< no query in it, and nothing wrong: a server's banner, blank lines
    broken,   ///< reason() says why
  };

  /// @param message  a block of lines, a record whose lines are joined by bars, or a JSON object whose `message` is one
  ///                 of them; or several records of one form. It must stay until the last call of next().
  void begin(std::string_view message);
  /// The message's next record; none when all are read. Every message has at least one.
  /// @param query  overwritten; valid until the next call of begin()
  std::optional<Outcome> next(SlowQuery& query);

  /// Why the last record was broken: one sentence without its stop.
  std::string_view reason() const { return reason_; }
  /// The last record's text, without what JSON put around it.
  std::string_view record() const { return record_; }

 private:
  Outcome broken(const char* reason);
  Outcome read_record(SlowQuery& query);
  size_t record_end(size_t statement) const;

  std::string unwrapped_;
  std::string_view rest_;  // of the message
  std::string_view record_;
  std::string_view reason_;
  const char* wrapping_ = nullptr;  // what is wrong with the JSON object
  LineEnd line_end_ = LineEnd::newline;
  bool done_ = true;
};

}  // namespace slow_query_log
