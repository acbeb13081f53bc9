#include "examples/slow_query_log/sql_quotes.h"

#include <algorithm>
#include <cstring>

#include "examples/slow_query_log/find_bytes.h"

namespace slow_query_log {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_blank(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' || byte == 0x7f || c == '|';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Words that people write directly behind a string or before one.
bool is_keyword(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "and",   "as",     "asc",    "between", "by",     "case",  "collate", "desc",      "div",   "else",
      "end",   "escape", "from",   "group",   "having", "in",    "is",      "like",      "limit", "mod",
      "not",   "on",     "or",     "order",   "regexp", "rlike", "select",  "separator", "set",   "then",
      "union", "using",  "values", "when",    "where",  "with",  "xor"};
  char lower[16];
  if (word.size() >= sizeof lower) return false;
  std::transform(word.begin(), word.end(), lower,
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return std::binary_search(std::begin(kWords), std::end(kWords), std::string_view(lower, word.size()));
}

/// Whether SQL can go on at `at`, directly behind a string.
bool can_follow_string(std::string_view text, size_t at) {
  if (at >= text.size()) return true;
  const char c = text[at];
  if (is_word(c)) {
    size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    return is_keyword(text.substr(at, end - at));
  }
  if (c == '/') return at + 1 < text.size() && text[at + 1] == '*';
  return std::strchr("%&.:?[\\{", c) == nullptr || c == '\0';
}

/// Whether a string can begin at `at`.
bool can_begin_string(std::string_view text, size_t at) {
  if (at == 0 || !is_word(text[at - 1])) return true;
  size_t begin = at;
  while (begin > 0 && at - begin < 32 && is_word(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin, at - begin);
  if (word.size() == 1) return std::strchr("nNxXbB", word[0]) != nullptr;
  return word[0] == '_' || is_keyword(word);
}

}  // namespace

size_t SqlQuotes::follow(std::string_view text, size_t from, size_t to, bool at_end) {
  return move<false>(text, from, to, at_end);
}

void SqlQuotes::follow_and_doubt(std::string_view text, size_t from, size_t to) { move<true>(text, from, to, true); }

void SqlQuotes::leave(size_t at) {
  inside_ = Inside::nothing;
  if (first_outside_ == kNone) first_outside_ = at;
}

template <bool kDoubt>
size_t SqlQuotes::move(std::string_view text, size_t from, size_t to, bool at_end) {
  size_t at = from;
  while (at < to) {
    const size_t before = at;
    const Inside was = inside_;
    switch (inside_) {
      case Inside::nothing: at = move_outside<kDoubt>(text, at, to, at_end); break;
      case Inside::single_quotes: at = move_quoted<kDoubt>(text, at, to, at_end, '\''); break;
      case Inside::double_quotes: at = move_quoted<kDoubt>(text, at, to, at_end, '"'); break;
      case Inside::back_quotes: {
        at = find_bytes<'`'>(text, at, to);
        if (at < to) leave(++at);
        break;
      }
      case Inside::block_comment: {
        const size_t begin = at;
        at = find_bytes<'*'>(text, at, to);
        if (at == to) break;
        // Comments do not nest.
        if (kDoubt && at > begin && text[at - 1] == '/') doubtful_ = true;
        if (at + 1 == text.size()) {
          if (!at_end) return at;
          ++at;
        } else if (text[at + 1] == '/') {
          leave(at += 2);
        } else {
          ++at;
        }
        break;
      }
      case Inside::line_comment: {
        at = line_end_ == LineEnd::newline ? find_bytes<'\n'>(text, at, to) : find_bytes<'\n', '|'>(text, at, to);
        if (at < to) leave(++at);
        break;
      }
    }
    if (at == before && inside_ == was) return at;  // a token that is not whole yet
  }
  return at;
}

template <bool kDoubt>
size_t SqlQuotes::move_outside(std::string_view text, size_t at, size_t to, bool at_end) {
  if constexpr (kDoubt) {
    at = find_bytes<'\'', '"', '`', '#', '-', '/', '\\', '*'>(text, at, to);
  } else {
    at = find_bytes<'\'', '"', '`', '#', '-', '/'>(text, at, to);
  }
  if (at >= to) return to;
  const std::string_view rest = text.substr(at);
  switch (rest[0]) {
    case '\'':
    case '"':
      if (kDoubt && !can_begin_string(text, at)) doubtful_ = true;
      inside_ = rest[0] == '"' ? Inside::double_quotes : Inside::single_quotes;
      return at + 1;
    case '`': inside_ = Inside::back_quotes; return at + 1;
    case '#': inside_ = Inside::line_comment; return at + 1;
    case '-':
      if (!at_end && rest.size() < 3 && (rest.size() == 1 || rest[1] == '-')) return at;
      if (rest.size() >= 2 && rest[1] == '-' && (rest.size() == 2 || is_blank(rest[2]))) {
        inside_ = Inside::line_comment;
        return at + 2;
      }
      return at + 1;
    case '/':
      if (!at_end && rest.size() < 4 && (rest.size() == 1 || rest[1] == '*')) return at;
      if (rest.size() < 2 || rest[1] != '*') return at + 1;
      if (rest.starts_with("/*!") || rest.starts_with("/*M!")) {
        executable_ = true;
        return at + 3;
      }
      inside_ = Inside::block_comment;
      return at + 2;
    case '\\': doubtful_ = true; return at + 1;
    default:  // '*'
      if (rest.size() >= 2 && rest[1] == '/') {
        if (!executable_) doubtful_ = true;
        executable_ = false;
      }
      return at + 1;
  }
}

template <bool kDoubt>
size_t SqlQuotes::move_quoted(std::string_view text, size_t at, size_t to, bool at_end, char quote) {
  at = quote == '"' ? find_bytes<'"', '\\'>(text, at, to) : find_bytes<'\'', '\\'>(text, at, to);
  if (at >= to) return to;
  if (text[at] == '\\') {
    if (at + 1 == text.size() && !at_end) return at;
    return at + 2 < to ? at + 2 : to;
  }
  // Of a doubled quote the second one begins the string again, which comes to the same.
  ++at;
  if (kDoubt && at < text.size() && text[at] == quote) return std::min(at + 1, to);
  leave(at);
  if (kDoubt && !can_follow_string(text, at)) doubtful_ = true;
  return at;
}

}  // namespace slow_query_log
