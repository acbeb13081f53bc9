#include "examples/slow_query_log/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace slow_query_log {
namespace {

enum class Kind : uint8_t {
  other,
  blank,
  word,
  digit,
  quote,
  backquote,
  hash,
  sign,
  slash,
  star,
  open,
  close,
  semicolon,
  dot,
  mark
};

constexpr bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(int c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(int c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

constexpr std::array<Kind, 256> make_kinds() {
  std::array<Kind, 256> kinds{};
  for (int c = 0; c < 256; ++c) {
    // A bar joins lines or is an operator; it counts as a blank either way, so that both forms of a record agree.
    if (c <= ' ' || c == 0x7f || c == '|') kinds[c] = Kind::blank;
    if (is_letter(c) || c == '_' || c == '$' || c >= 0x80) kinds[c] = Kind::word;
    if (is_digit(c)) kinds[c] = Kind::digit;
  }
  kinds['\''] = kinds['"'] = Kind::quote;
  kinds['`'] = Kind::backquote;
  kinds['#'] = Kind::hash;
  kinds['-'] = kinds['+'] = Kind::sign;
  kinds['/'] = Kind::slash;
  kinds['*'] = Kind::star;
  kinds['('] = Kind::open;
  kinds[')'] = Kind::close;
  kinds[';'] = Kind::semicolon;
  kinds['.'] = Kind::dot;
  kinds['?'] = Kind::mark;
  return kinds;
}

/// The lower-case form of a byte that can stand in a word, 0 for all others.
constexpr std::array<uint8_t, 256> make_word_bytes() {
  std::array<uint8_t, 256> bytes{};
  for (int c = 0; c < 256; ++c) {
    if (is_letter(c) || is_digit(c) || c == '_' || c == '$' || c >= 0x80)
      bytes[c] = static_cast<uint8_t>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return bytes;
}

constexpr std::array<Kind, 256> kKinds = make_kinds();
constexpr std::array<uint8_t, 256> kWordBytes = make_word_bytes();
/// U+FFFD, what stands for a byte that is not UTF-8.
constexpr char kReplacement[] = "\xEF\xBF\xBD";
constexpr size_t kReplacementBytes = 3;
/// Parentheses nested deeper than this are copied, but their lists of rows do not collapse.
constexpr int kDepthMax = 64;

uint8_t byte(char c) { return static_cast<uint8_t>(c); }

/// Words after which a sign belongs to the number behind it.
bool expects_value(std::string_view word) {
  switch (word.size()) {
    case 2: return word == "by" || word == "in" || word == "is" || word == "on" || word == "or";
    case 3: return word == "and" || word == "div" || word == "mod" || word == "not" || word == "set" || word == "xor";
    case 4: return word == "case" || word == "else" || word == "like" || word == "then" || word == "when";
    case 5: return word == "limit" || word == "value" || word == "where";
    case 6: return word == "having" || word == "offset" || word == "return" || word == "select" || word == "values";
    case 7: return word == "between";
    case 8: return word == "interval";
    default: return false;
  }
}

/// Words after which NULL, TRUE and FALSE are values, never grammar.
bool expects_literal(std::string_view word) {
  switch (word.size()) {
    case 2: return word == "or";
    case 3: return word == "and" || word == "xor";
    case 4: return word == "else" || word == "like" || word == "then" || word == "when";
    case 7: return word == "between";
    default: return false;
  }
}

/// Length of the valid UTF-8 sequence at `p`, 0 when there is none.
size_t sequence_bytes(const char* p, const char* end) {
  const uint8_t lead = byte(*p);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || static_cast<size_t>(end - p) < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(p[i]) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(p[1]);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;  // overlong; surrogate
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;  // overlong; above U+10FFFF
  return size;
}

/// One pass over one statement. The output pointer may run past the limit by one token at most; the buffer has room.
class Pass {
 public:
  Pass(std::string_view statement, LineEnd line_end, char* buffer)
      : p_(statement.data()),
        end_(p_ + statement.size()),
        begin_(buffer),
        o_(buffer),
        limit_(buffer + Fingerprinter::kBytesMax),
        joined_(line_end == LineEnd::newline_or_bar) {}

  std::string_view run() {
    while (p_ < end_ && o_ < limit_) step();
    return finish();
  }

 private:
  void step() {
    switch (kKinds[byte(*p_)]) {
      case Kind::word: take_word(); break;
      case Kind::blank:
        ++p_;
        blank();
        break;
      case Kind::digit: take_number(); break;
      case Kind::quote:
        skip_quoted();
        literal();
        break;
      case Kind::backquote: take_identifier(); break;
      case Kind::hash:
        skip_line();
        blank();
        break;
      case Kind::sign: take_sign(); break;
      case Kind::slash: take_slash(); break;
      case Kind::star: take_star(); break;
      case Kind::open: take_open(); break;
      case Kind::close: take_close(); break;
      case Kind::semicolon:
        last_semicolon_ = o_;
        copy();
        break;
      case Kind::dot: take_dot(); break;
      case Kind::mark:
        ++p_;
        literal();
        break;
      case Kind::other: copy(); break;
    }
  }

  std::string_view finish() {
    // A fingerprint cut at its limit has not seen the last semicolon, so nothing can be said to follow it.
    if (p_ == end_ && last_semicolon_ != nullptr) o_ = last_semicolon_;
    if (o_ > limit_) {
      o_ = limit_;
      while (o_ > begin_ && (byte(*o_) & 0xC0) == 0x80) --o_;
    }
    while (o_ > begin_ && (o_[-1] == ' ' || o_[-1] == ';')) --o_;
    return {begin_, static_cast<size_t>(o_ - begin_)};
  }

  void copy() { *o_++ = *p_++; }

  void blank() {
    if (o_ > begin_ && o_[-1] != ' ') *o_++ = ' ';
  }

  /// The end of the output without its trailing blank.
  char* before_blank(char* at) const { return at > begin_ && at[-1] == ' ' ? at - 1 : at; }

  /// A `?`, or nothing when it would be the next member of a list that already shows one.
  void literal() {
    char* at = before_blank(o_);
    if (at > begin_ && at[-1] == ',') {
      at = before_blank(at - 1);
      if (at > begin_ && at[-1] == '?') {
        o_ = at;
        return;
      }
    }
    *o_++ = '?';
  }

  void take_word() {
    const char* from = p_;
    char* word = o_;
    // The output is behind the limit here; a word of any length is copied up to it and no further.
    const char* stop = end_ - p_ < limit_ - o_ ? end_ : p_ + (limit_ - o_);
    uint8_t all = 0;
    char* o = o_;
    const char* p = p_;
    while (p < stop) {
      const uint8_t c = kWordBytes[byte(*p)];
      if (c == 0) break;
      *o++ = static_cast<char>(c);
      all |= c;
      ++p;
    }
    p_ = p;
    o_ = o;
    if (all & 0x80) {
      o_ = word;
      repair(from, p);
    }
    judge_word(word);
  }

  /// Some words are part of a literal, or are one.
  void judge_word(char* word) {
    const size_t size = static_cast<size_t>(o_ - word);
    if (p_ < end_ && kKinds[byte(*p_)] == Kind::quote && size == 1 && (*word == 'n' || *word == 'x' || *word == 'b')) {
      o_ = word;  // N'text', x'1F', b'01': the string that follows is the literal
    } else if (*word == '_' && skip_to_string()) {
      o_ = word;  // _utf8mb4 'text'
    } else if ((size == 4 && (std::memcmp(word, "null", 4) == 0 || std::memcmp(word, "true", 4) == 0)) ||
               (size == 5 && std::memcmp(word, "false", 5) == 0)) {
      // A value where values stand; a part of the grammar in `is null`, `not null`, `default null`.
      const char* before = before_blank(word);
      if (before == begin_) return;
      const char c = before[-1];
      if (c == '(' || c == ',' || c == '=' || c == '<' || c == '>' || expects_literal(last_word(before))) {
        o_ = word;
        literal();
      }
    } else if (size == 3 && std::memcmp(word, "asc", 3) == 0 && word > begin_ && word[-1] != '.' &&
               (p_ == end_ || *p_ != '.')) {
      o_ = before_blank(word);  // a reserved word: the direction that is the default
    }
  }

  /// The word that ends before `at`; empty when none does.
  std::string_view last_word(const char* at) const {
    const char* word = at;
    while (word > begin_ && kWordBytes[byte(word[-1])] != 0) --word;
    return {word, static_cast<size_t>(at - word)};
  }

  /// Moves over blanks to a string; stays when none follows.
  bool skip_to_string() {
    const char* p = p_;
    while (p < end_ && kKinds[byte(*p)] == Kind::blank) ++p;
    if (p == end_ || kKinds[byte(*p)] != Kind::quote) return false;
    p_ = p;
    return true;
  }

  /// Copies [from, to) in lower case; bytes that are not UTF-8 become U+FFFD.
  void repair(const char* from, const char* to) {
    while (from < to) {
      const size_t size = sequence_bytes(from, to);
      if (size == 1) {
        *o_++ = *from >= 'A' && *from <= 'Z' ? static_cast<char>(*from + 32) : *from;
        ++from;
      } else if (size == 0) {
        std::memcpy(o_, kReplacement, kReplacementBytes);
        o_ += kReplacementBytes;
        ++from;
      } else {
        std::memcpy(o_, from, size);
        o_ += size;
        from += size;
      }
    }
  }

  /// A number with its dots and the sign of its exponent; or a name that begins with a digit, as MySQL allows.
  void take_number() {
    if (is_name()) {
      take_word();
      return;
    }
    bool decimal = true;  // digits and dots so far
    while (p_ < end_) {
      const char c = *p_;
      if (kWordBytes[byte(c)] == 0 && c != '.') break;
      ++p_;
      if (decimal && (c == 'e' || c == 'E') && end_ - p_ >= 2 && (*p_ == '-' || *p_ == '+') && is_digit(p_[1])) ++p_;
      decimal = decimal && (is_digit(c) || c == '.');
    }
    literal();
  }

  /// Whether the word that begins here with a digit is no number: `2019_parts`, but not `5`, `1.5`, `1e5`, `0x1F`,
  /// `0b01`.
  bool is_name() const {
    const char* p = p_;
    while (p < end_ && is_digit(*p)) ++p;
    if (p == end_ || kWordBytes[byte(*p)] == 0) return false;
    const bool prefixed = p == p_ + 1 && *p_ == '0';
    const char letter = *p;
    const char* rest = p + 1;
    if (prefixed && letter == 'x') {
      p = rest;
      while (p < end_ && is_hex(*p)) ++p;
    } else if (prefixed && letter == 'b') {
      p = rest;
      while (p < end_ && (*p == '0' || *p == '1')) ++p;
    } else if (letter == 'e' || letter == 'E') {
      const bool sign = rest < end_ && (*rest == '-' || *rest == '+');
      p = rest + (sign ? 1 : 0);
      rest = p;
      while (p < end_ && is_digit(*p)) ++p;
      // `1e-x` is the name 1e, a minus and x.
      if (sign) return p == rest;
    } else {
      return true;
    }
    return p == rest || (p < end_ && kWordBytes[byte(*p)] != 0);
  }

  /// Past the string that begins here, or to the end when nothing closes it.
  void skip_quoted() {
    const char quote = *p_++;
    while (p_ < end_) {
      const char c = *p_++;
      if (c == '\\') {
        if (p_ < end_) ++p_;
      } else if (c == quote) {
        if (p_ == end_ || *p_ != quote) return;
        ++p_;
      }
    }
  }

  /// `name`: kept with its quotes, in lower case, whatever it holds.
  void take_identifier() {
    const char* from = p_++;
    while (p_ < end_) {
      if (*p_++ != '`') continue;
      if (p_ == end_ || *p_ != '`') break;
      ++p_;
    }
    const char* to = p_ - from > limit_ - o_ ? from + (limit_ - o_) : p_;
    repair(from, to);
    if (to < p_) o_ = limit_;
  }

  void skip_line() {
    const size_t left = static_cast<size_t>(end_ - p_);
    const char* stop = static_cast<const char*>(std::memchr(p_, '\n', left));
    if (stop == nullptr) stop = end_;
    if (joined_) {
      const void* bar = std::memchr(p_, '|', static_cast<size_t>(stop - p_));
      if (bar != nullptr) stop = static_cast<const char*>(bar);
    }
    p_ = stop;
  }

  void take_sign() {
    if (*p_ == '-' && end_ - p_ >= 2 && p_[1] == '-' && (end_ - p_ == 2 || kKinds[byte(p_[2])] == Kind::blank)) {
      skip_line();
      blank();
      return;
    }
    const bool number = end_ - p_ >= 2 && (is_digit(p_[1]) || (p_[1] == '.' && end_ - p_ >= 3 && is_digit(p_[2])));
    if (number && wants_value()) {
      ++p_;
    } else {
      copy();
    }
  }

  /// Whether what stands in the output can only be followed by a value.
  bool wants_value() const {
    const char* at = before_blank(o_);
    if (at == begin_) return true;
    const uint8_t last = byte(at[-1]);
    if (kWordBytes[last] == 0) return last != ')' && last != '?' && last != '`';
    return expects_value(last_word(at));
  }

  void take_slash() {
    if (end_ - p_ < 2 || p_[1] != '*') {
      copy();
      return;
    }
    const bool mariadb = end_ - p_ >= 4 && p_[2] == 'M' && p_[3] == '!';
    if (mariadb || (end_ - p_ >= 3 && p_[2] == '!')) {
      // The server runs what stands in /*!40001 ... */: only its frame is a comment.
      p_ += mariadb ? 4 : 3;
      for (int digits = 0; digits < 6 && p_ < end_ && is_digit(*p_); ++digits) ++p_;
      executable_ = true;
    } else {
      const std::string_view rest(p_ + 2, static_cast<size_t>(end_ - p_ - 2));
      const size_t close = rest.find("*/");
      p_ = close == std::string_view::npos ? end_ : rest.data() + close + 2;
    }
    blank();
  }

  void take_star() {
    if (executable_ && end_ - p_ >= 2 && p_[1] == '/') {
      p_ += 2;
      executable_ = false;
      blank();
    } else {
      copy();
    }
  }

  void take_dot() {
    const bool fraction = end_ - p_ >= 2 && is_digit(p_[1]);
    if (fraction &&
        (o_ == begin_ || (kWordBytes[byte(o_[-1])] == 0 && o_[-1] != '`' && o_[-1] != ')' && o_[-1] != '?'))) {
      take_number();
    } else {
      copy();
    }
  }

  void take_open() {
    if (depth_ < kDepthMax) {
      open_[depth_] = o_;
      if (depth_ + 1 < kDepthMax) row_end_[depth_ + 1] = nullptr;
    }
    ++depth_;
    copy();
  }

  /// A group that repeats the one before it, with only a comma between, goes: lists of rows become one row.
  void take_close() {
    copy();
    if (depth_ == 0) return;
    if (--depth_ >= kDepthMax) return;
    char* begin = open_[depth_];
    const size_t size = static_cast<size_t>(o_ - begin);
    char* before_end = row_end_[depth_];
    if (before_end != nullptr && size == static_cast<size_t>(before_end - row_begin_[depth_])) {
      char* comma = before_blank(begin);
      const bool next = comma > begin_ && comma[-1] == ',' && before_blank(comma - 1) == before_end;
      if (next && std::memcmp(row_begin_[depth_], begin, size) == 0) {
        o_ = before_end;
        return;
      }
    }
    row_begin_[depth_] = begin;
    row_end_[depth_] = o_;
  }

  const char* p_;
  const char* end_;
  char* begin_;
  char* o_;
  char* limit_;
  char* last_semicolon_ = nullptr;
  bool joined_;
  bool executable_ = false;
  int depth_ = 0;
  // Per depth of parentheses: where the open group began, and where the last closed one lies. Set before they are read.
  char* open_[kDepthMax];
  char* row_begin_[kDepthMax];
  char* row_end_[kDepthMax] = {nullptr};
};

}  // namespace

// One token can be kBytesMax invalid bytes, each of which becomes three.
Fingerprinter::Fingerprinter() : buffer_(std::make_unique<char[]>(kBytesMax * (kReplacementBytes + 1) + 16)) {}

std::string_view Fingerprinter::normalise(std::string_view statement, LineEnd line_end) {
  return Pass(statement, line_end, buffer_.get()).run();
}

}  // namespace slow_query_log
