// Follows the quotes and comments of SQL text, as far as it is needed to tell a header line from a line of a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "examples/slow_query_log/fingerprint.h"

namespace slow_query_log {

/// Reads SQL from left to right and knows in what it stands: single, double and back quotes, with backslashes (not in
/// back quotes) and doubled quotes; block comments; line comments behind `#` and behind `--` and a blank. What stands
/// in
/// `/*! */` is SQL. The fingerprint follows the same rules.
/// Lives on: any thread; a value. Allocates nothing.
class SqlQuotes {
 public:
  enum class Inside : uint8_t { nothing, single_quotes, double_quotes, back_quotes, block_comment, line_comment };

  explicit SqlQuotes(LineEnd line_end) : line_end_(line_end) {}

  /// Moves from `from` to `to`.
  /// @param text    what is read; bytes behind `to` decide about what begins before it
  /// @param at_end  whether the SQL ends with `text`
  /// @return        `to`; less, by at most three bytes, when the text ends there inside a token and goes on later
  size_t follow(std::string_view text, size_t from, size_t to, bool at_end);
  /// The same for a text that is only supposed to be SQL: also looks for what makes that unlikely.
  void follow_and_doubt(std::string_view text, size_t from, size_t to);

  /// Whether a line end here is inside of a string, a quoted name or a block comment.
  bool in_text() const { return inside_ != Inside::nothing && inside_ != Inside::line_comment; }
  /// Whether something was seen that SQL does not have: a letter directly beside a string, a backslash outside of
  /// strings, the end of a comment that was not begun.
  bool doubtful() const { return doubtful_; }
  /// The same place, nothing doubted yet.
  SqlQuotes without_doubts() const {
    SqlQuotes quotes = *this;
    quotes.doubtful_ = false;
    quotes.first_outside_ = std::string_view::npos;
    return quotes;
  }
  /// Where it first came out of what it was inside; npos when it has not.
  size_t first_outside() const { return first_outside_; }

 private:
  template <bool kDoubt>
  size_t move(std::string_view text, size_t from, size_t to, bool at_end);
  template <bool kDoubt>
  size_t move_outside(std::string_view text, size_t at, size_t to, bool at_end);
  template <bool kDoubt>
  size_t move_quoted(std::string_view text, size_t at, size_t to, bool at_end, char quote);
  void leave(size_t at);

  LineEnd line_end_;
  Inside inside_ = Inside::nothing;
  bool executable_ = false;  // in `/*! */`
  bool doubtful_ = false;
  size_t first_outside_ = std::string_view::npos;
};

}  // namespace slow_query_log
