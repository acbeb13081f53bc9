#include "examples/slow_query_log/slow_log_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "examples/slow_query_log/header_line.h"
#include "examples/slow_query_log/json_message.h"
#include "examples/slow_query_log/record_finder.h"
#include "examples/slow_query_log/sql_quotes.h"

namespace slow_query_log {
namespace {

constexpr std::string_view kAdministrator = "# administrator command: ";
constexpr int64_t kMicros = 1'000'000;
/// A server whose clock jumped back logs 2^64 microseconds; nobody waited for 31 years.
constexpr int64_t kSecondsMax = 1'000'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// `0.003405`, `2`: digits beyond the sixth after the point are dropped.
bool read_seconds(std::string_view text, int64_t& micros) {
  int64_t seconds = 0;
  size_t i = 0;
  for (; i < text.size() && is_digit(text[i]); ++i) {
    seconds = seconds * 10 + (text[i] - '0');
    if (seconds > kSecondsMax) return false;
  }
  if (i == 0) return false;
  int64_t fraction = 0;
  int digits = 0;
  if (i < text.size() && text[i] == '.') {
    for (++i; i < text.size() && is_digit(text[i]); ++i) {
      if (digits == 6) continue;
      fraction = fraction * 10 + (text[i] - '0');
      ++digits;
    }
  }
  if (i != text.size()) return false;
  for (; digits < 6; ++digits) fraction *= 10;
  micros = seconds * kMicros + fraction;
  return true;
}

bool read_count(std::string_view text, uint64_t& count) {
  if (text.empty() || text.size() > 20) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    if (__builtin_mul_overflow(value, 10u, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value))
      return false;
  }
  count = value;
  return true;
}

/// Reads numbers out of a text from left to right.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  /// @param digits_min, digits_max  how many digits the number has
  bool number(int digits_min, int digits_max, int& value) {
    int digits = 0;
    value = 0;
    while (digits < digits_max && !text_.empty() && is_digit(text_[0])) {
      value = value * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
      ++digits;
    }
    return digits >= digits_min;
  }
  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void blanks() {
    while (take(' ')) {
    }
  }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
int64_t days_since_1970(int year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct HeaderTime {
  int64_t time_us = SlowQuery::kNoTime;
  bool has_zone = false;
};

bool read_clock(Cursor& cursor, int hour_digits_min, int64_t& micros) {
  int hour = 0, minute = 0, second = 0;
  if (!cursor.number(hour_digits_min, 2, hour) || !cursor.take(':') || !cursor.number(2, 2, minute) ||
      !cursor.take(':') || !cursor.number(2, 2, second) || hour > 23 || minute > 59 || second > 60)
    return false;
  micros = ((hour * 60 + minute) * 60 + second) * kMicros;
  return true;
}

bool read_zone(Cursor& cursor, HeaderTime& time, int64_t& shift_us) {
  shift_us = 0;
  if (cursor.at_end()) return true;
  time.has_zone = true;
  if (cursor.take('Z')) return cursor.at_end();
  const bool east = cursor.take('+');
  int hours = 0, minutes = 0;
  if ((!east && !cursor.take('-')) || !cursor.number(2, 2, hours) || !cursor.take(':') || !cursor.number(2, 2, minutes))
    return false;
  shift_us = (hours * 60 + minutes) * 60 * kMicros * (east ? 1 : -1);
  return cursor.at_end();
}

/// `2022-04-13T04:00:02.179540Z`, `...+08:00`, or `220413  4:00:02` of MariaDB and old MySQL. Unknown when it is none
/// of them.
HeaderTime read_time(std::string_view text) {
  Cursor cursor(text);
  HeaderTime time;
  int year = 0, month = 0, day = 0;
  int64_t clock = 0, shift = 0;
  const bool iso = text.size() > 4 && text[4] == '-';
  if (iso) {
    if (!cursor.number(4, 4, year) || !cursor.take('-') || !cursor.number(2, 2, month) || !cursor.take('-') ||
        !cursor.number(2, 2, day) || !(cursor.take('T') || cursor.take(' ')) || !read_clock(cursor, 2, clock))
      return {};
    if (cursor.take('.')) {
      int fraction = 0, digit = 0, digits = 0;
      for (; cursor.number(1, 1, digit); ++digits) {
        if (digits < 6) fraction = fraction * 10 + digit;
      }
      for (; digits < 6; ++digits) fraction *= 10;
      clock += fraction;
    }
    if (!read_zone(cursor, time, shift)) return {};
  } else {
    if (!cursor.number(2, 2, year) || !cursor.number(2, 2, month) || !cursor.number(2, 2, day)) return {};
    cursor.blanks();
    if (!read_clock(cursor, 1, clock) || !cursor.at_end()) return {};
    year += 2000;
  }
  if (month < 1 || month > 12 || day < 1 || day > 31) return {};
  time.time_us = days_since_1970(year, month, day) * 86400 * kMicros + clock - shift;
  return time;
}

/// `root[root] @ localhost [127.0.0.1]  Id: 35408`; parts that are not there stay empty.
void read_account(std::string_view text, SlowQuery& query) {
  const size_t at = text.find("] @ ");
  if (at == std::string_view::npos) return;
  const size_t open = text.substr(0, at).rfind('[');
  if (open == std::string_view::npos) return;
  query.user = text.substr(open + 1, at - open - 1);
  if (query.user.empty()) query.user = text.substr(0, open);
  text.remove_prefix(at + 4);
  const size_t address = text.find('[');
  if (address == std::string_view::npos) {
    query.host = text.substr(0, std::min(text.find("  "), text.size()));
    return;
  }
  query.host = trimmed(text.substr(0, address));
  const size_t close = text.find(']', address);
  if (close == std::string_view::npos) return;
  if (query.host.empty()) query.host = text.substr(address + 1, close - address - 1);
  text.remove_prefix(close + 1);
  const size_t id = text.find("Id:");
  if (id != std::string_view::npos) read_count(trimmed(text.substr(id + 3)), query.connection_id);
}

/// The lines of a record, one after the other.
class Lines {
 public:
  Lines(std::string_view record, bool joined) : p_(record.data()), end_(p_ + record.size()), joined_(joined) {}

  bool at_end() const { return p_ == end_; }
  std::string_view rest() const { return {p_, static_cast<size_t>(end_ - p_)}; }

  /// The next line, without moving on.
  std::string_view line() const {
    const char* stop = end_;
    if (joined_) {
      if (const void* bar = std::memchr(p_, '|', static_cast<size_t>(end_ - p_))) stop = static_cast<const char*>(bar);
    }
    if (const void* newline = std::memchr(p_, '\n', static_cast<size_t>(stop - p_)))
      stop = static_cast<const char*>(newline);
    std::string_view line(p_, static_cast<size_t>(stop - p_));
    return line;
  }
  void skip(std::string_view line) {
    p_ = line.data() + line.size();
    if (p_ < end_) ++p_;
  }

 private:
  const char* p_;
  const char* end_;
  bool joined_;
};

/// One record being read: which of its header lines have been seen.
class Header {
 public:
  explicit Header(SlowQuery& query) : query_(query) {}

  enum class Line {
    header,     ///< read
    next,       ///< belongs to the next record's header
    statement,  ///< not the header's
  };

  /// Reads a line where it is the header's; after `use` and `SET` lines it would be the statement's own comment.
  /// MariaDB puts an empty `#` before and after the lines of `explain`.
  /// @param line   without blanks at its ends
  /// @param wrong  set to what is wrong with it
  Line take(std::string_view line, const char*& wrong) {
    if (saw_use_ || saw_set_) return Line::statement;
    if (line[0] != '#') {
      if (!begun_ || !is_bare_header(line)) return Line::statement;
      wrong = pairs(line);
      if (line.starts_with("User@Host:")) read_account(line.substr(10), query_);
      return Line::header;
    }
    const HeaderLine kind = leading_header_line(line);
    if (kind == HeaderLine::administrator) return Line::statement;
    if (kind == HeaderLine::none && line.size() > 1 && !is_blank(line[1]) && header_line(line) == HeaderLine::none)
      return Line::statement;
    if (!lines_.take(kind)) return Line::next;
    begun_ = true;
    wrong = read(kind, line);
    return Line::header;
  }

  /// `use db;` and `SET timestamp=1;` stand before the statement, at most once each; the same text after them is one.
  /// @param line  without blanks at its ends
  bool takes_prelude(std::string_view line) {
    if (!begun_) return false;
    if (!saw_use_ && !saw_set_ && line.starts_with("use ") && line.ends_with(';')) {
      saw_use_ = true;
      std::string_view name = trimmed(line.substr(4, line.size() - 5));
      if (name.size() >= 2 && name.front() == '`' && name.back() == '`') name = name.substr(1, name.size() - 2);
      query_.schema = name;
      return true;
    }
    if (!saw_set_ && line.starts_with("SET ") && line.ends_with(';') && read_set(line.substr(4, line.size() - 5))) {
      saw_set_ = true;
      return true;
    }
    return false;
  }

  bool begun() const { return begun_; }
  bool has_query_time() const { return has_query_time_; }

  void settle_time() {
    if (time_.has_zone || set_time_us_ == SlowQuery::kNoTime) {
      query_.time_us = time_.time_us;
    } else {
      query_.time_us = set_time_us_;
    }
  }

 private:
  const char* read(HeaderLine kind, std::string_view line) {
    const std::string_view body = header_body(line);
    if (kind == HeaderLine::query_time) return pairs(body);
    if (kind == HeaderLine::none) {
      const bool known = body.starts_with("Thread_id:") || body.starts_with("Schema:") || body.starts_with("Rows_") ||
                         (!has_query_time_ && has_query_time_inside(line));
      return known ? pairs(body) : nullptr;
    }
    // A time that was not written in full can stand in one line with what follows.
    const size_t inside = header_inside(line);
    const std::string_view value = trimmed(line.substr(0, inside).substr(line.size() - body.size()));
    if (kind == HeaderLine::time) {
      time_ = read_time(trimmed(value.substr(5)));
    } else {
      read_account(trimmed(value.substr(10)), query_);
    }
    if (inside == std::string_view::npos) return nullptr;
    line.remove_prefix(inside);
    kind = leading_header_line(line);
    lines_.take(kind);
    return read(kind, line);
  }

  enum class Key : uint8_t { none, query_time, lock_time, rows_sent, rows_examined, rows_affected, thread_id, schema };

  /// The key at the beginning of a text, and how long it is with its colon.
  static Key key_of(std::string_view text, size_t& bytes) {
    const auto is = [&](std::string_view key) {
      bytes = key.size();
      return text.starts_with(key);
    };
    switch (text[0]) {
      case 'Q': return is("Query_time:") ? Key::query_time : Key::none;
      case 'L': return is("Lock_time:") ? Key::lock_time : Key::none;
      case 'R':
        return is("Rows_examined:")   ? Key::rows_examined
               : is("Rows_sent:")     ? Key::rows_sent
               : is("Rows_affected:") ? Key::rows_affected
                                      : Key::none;
      case 'T': return is("Thread_id:") ? Key::thread_id : Key::none;
      case 'S': return is("Schema:") ? Key::schema : Key::none;
      default: return Key::none;
    }
  }

  /// `Key: value  Key: value ...`; what the job does not know is passed over.
  const char* pairs(std::string_view text) {
    const char* p = text.data();
    const char* end = p + text.size();
    for (;;) {
      while (p < end && is_blank(*p)) ++p;
      if (p == end) return nullptr;
      size_t bytes = 0;
      const Key key = key_of({p, static_cast<size_t>(end - p)}, bytes);
      if (key != Key::none) {
        p += bytes;
        while (p < end && is_blank(*p)) ++p;
      }
      const char* from = p;
      while (p < end && !is_blank(*p)) ++p;
      if (key == Key::none) continue;
      std::string_view value(from, static_cast<size_t>(p - from));
      if (value.ends_with(':')) {  // `Schema:   QC_hit: No`: this one is empty
        value = {};
        p = from;
      }
      if (const char* wrong = field(key, value)) return wrong;
    }
  }

  const char* field(Key key, std::string_view value) {
    switch (key) {
      case Key::schema:
        if (!value.empty()) query_.schema = value;
        return nullptr;
      case Key::thread_id: read_count(value, query_.connection_id); return nullptr;
      case Key::query_time:
        if (has_query_time_) return "the header has more than one Query_time";
        has_query_time_ = true;
        return read_seconds(value, query_.query_time_us) ? nullptr : "Query_time is not a number of seconds";
      case Key::lock_time:
        return read_seconds(value, query_.lock_time_us) ? nullptr : "Lock_time is not a number of seconds";
      case Key::rows_sent: return read_count(value, query_.rows_sent) ? nullptr : "Rows_sent is not a count";
      case Key::rows_examined:
        return read_count(value, query_.rows_examined) ? nullptr : "Rows_examined is not a count";
      case Key::rows_affected:
        return read_count(value, query_.rows_affected) ? nullptr : "Rows_affected is not a count";
      case Key::none: break;
    }
    return nullptr;
  }

  /// `last_insert_id=1,insert_id=2,timestamp=1649822402`, as the server writes it; false for anything else.
  bool read_set(std::string_view assignments) {
    int64_t seconds = -1;
    while (!assignments.empty()) {
      const size_t comma = std::min(assignments.find(','), assignments.size());
      const std::string_view one = assignments.substr(0, comma);
      assignments.remove_prefix(std::min(comma + 1, assignments.size()));
      const size_t equals = one.find('=');
      uint64_t value = 0;
      // Since MySQL 8.0.28 the time may have a fraction.
      if (equals == std::string_view::npos) return false;
      const std::string_view number = one.substr(equals + 1);
      if (!read_count(number.substr(0, std::min(number.find('.'), number.size())), value)) return false;
      const std::string_view name = one.substr(0, equals);
      if (name == "timestamp" && value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / kMicros / 2)) {
        seconds = static_cast<int64_t>(value);
      } else if (name != "last_insert_id" && name != "insert_id") {
        return false;
      }
    }
    if (seconds < 0) return false;
    set_time_us_ = seconds * kMicros;
    return true;
  }

  SlowQuery& query_;
  HeaderLines lines_;
  HeaderTime time_;
  int64_t set_time_us_ = SlowQuery::kNoTime;
  bool begun_ = false;
  bool has_query_time_ = false;
  bool saw_use_ = false;
  bool saw_set_ = false;
};

/// Lines that a server writes at its start: its version, its ports, the names of columns that it no longer uses.
bool is_banner_line(std::string_view line) {
  return is_banner(line) || line.starts_with("Tcp port: ") || line.starts_with("TCP Port: ") ||
         (line.starts_with("Time ") && line.ends_with("Argument")) ||
         (line.starts_with("Time\t") && line.ends_with("Argument"));
}

/// Whether a header stands in a line comment: a shipper joined two records in one line.
bool has_header_in_comment(std::string_view statement, LineEnd line_end) {
  static constexpr std::string_view kMark = "# Query_time: ";
  SqlQuotes quotes(line_end);
  size_t followed = 0;
  for (size_t at = statement.find(kMark); at != std::string_view::npos; at = statement.find(kMark, at + 1)) {
    const size_t value = at + kMark.size();
    if (value == statement.size() || !is_digit(statement[value])) continue;
    followed = quotes.follow(statement, followed, at, true);
    if (!quotes.in_text()) return true;
  }
  return false;
}

}  // namespace

SlowLogParser::Outcome SlowLogParser::broken(const char* reason) {
  reason_ = reason;
  return Outcome::broken;
}

void SlowLogParser::begin(std::string_view message) {
  if (message.starts_with("\xEF\xBB\xBF")) message.remove_prefix(3);
  rest_ = trimmed(message);
  done_ = false;
  wrapping_ = nullptr;
  if (rest_.starts_with('{')) {
    wrapping_ = unwrap_message(rest_, unwrapped_);
    if (wrapping_ == nullptr) {
      rest_ = trimmed(unwrapped_);
      if (rest_.starts_with('{')) wrapping_ = "the JSON object's message is a JSON object again";
    }
  }
  line_end_ = is_joined(rest_) ? LineEnd::newline_or_bar : LineEnd::newline;
}

std::optional<SlowLogParser::Outcome> SlowLogParser::next(SlowQuery& query) {
  if (done_) return std::nullopt;
  query = SlowQuery{};
  query.line_end = line_end_;
  if (wrapping_ != nullptr) {
    done_ = true;
    record_ = rest_;
    return broken(wrapping_);
  }
  const Outcome outcome = read_record(query);
  done_ = rest_.empty();
  return outcome;
}

/// Reads the record at the beginning of rest_, and takes it off.
SlowLogParser::Outcome SlowLogParser::read_record(SlowQuery& query) {
  Lines lines(rest_, line_end_ == LineEnd::newline_or_bar);
  Header header(query);
  const char* wrong = nullptr;
  bool next = false;
  while (!lines.at_end() && !next) {
    const std::string_view line = lines.line();
    const std::string_view text = trimmed(line);
    if (!text.empty() && (header.begun() || !is_banner_line(text))) {
      const char* wrong_here = nullptr;
      const Header::Line kind = header.take(text, wrong_here);
      if (wrong == nullptr) wrong = wrong_here;
      next = kind == Header::Line::next;
      if (kind == Header::Line::statement && !header.takes_prelude(text)) break;
    }
    if (!next) lines.skip(line);
  }
  const size_t begin = rest_.size() - lines.rest().size();
  // A further record has a header. (The first lines of a server stay with the statement; they are cut off after its
  // semicolon.)
  const bool hash =
      !next && begin < rest_.size() && std::memchr(rest_.data() + begin, '#', rest_.size() - begin) != nullptr;
  const size_t end = next ? begin : hash ? record_end(header.begun() ? begin : std::string_view::npos) : rest_.size();
  record_ = trimmed(rest_.substr(0, end));
  query.statement = trimmed(rest_.substr(begin, end - begin));
  rest_ = rest_.substr(end);
  if (line_end_ == LineEnd::newline_or_bar) {
    while (rest_.starts_with('|') || (!rest_.empty() && is_blank(rest_[0]))) rest_.remove_prefix(1);
  } else {
    rest_ = trimmed(rest_);
  }
  if (query.statement.empty() && !header.begun()) return Outcome::nothing;
  if (wrong != nullptr) return broken(wrong);
  if (!header.has_query_time()) return broken("there is no Query_time");
  header.settle_time();
  if (query.statement.starts_with(kAdministrator)) {
    query.administrator_command = true;
    query.statement.remove_prefix(2);
  }
  if (query.statement.empty()) return broken("there is no statement");
  if (hash && has_header_in_comment(query.statement, line_end_))
    return broken("another Query_time stands in a comment of the statement");
  return Outcome::query;
}

/// Where in rest_ the record ends whose statement begins at `statement`; npos: it has no header.
size_t SlowLogParser::record_end(size_t statement) const {
  RecordFinder finder(FileForm::blocks, line_end_);
  const bool headless = statement == std::string_view::npos;
  const size_t found = finder
                           .find(rest_, headless ? 0 : statement,
                                 headless ? RecordFinder::From::record : RecordFinder::From::statement, true)
                           .start;
  return found == RecordFinder::npos ? rest_.size() : found;
}

}  // namespace slow_query_log
