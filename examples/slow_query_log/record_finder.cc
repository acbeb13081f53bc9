#include "examples/slow_query_log/record_finder.h"

#include <algorithm>
#include <cstring>

#include "examples/slow_query_log/find_bytes.h"

namespace slow_query_log {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_blanks(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  return line;
}

/// `# Time: <digit>`, `# User@Host: ... ] @ `: a header, whatever follows.
bool is_exact(HeaderLine kind, std::string_view line) {
  const std::string_view body = header_body(line);
  if (kind == HeaderLine::time) return body.size() > 6 && body[5] == ' ' && is_digit(body[6]);
  return kind == HeaderLine::user && body.find("] @ ") != kNone;
}

/// By the third byte of a header line: whether it is none of those that say where a record begins.
bool leads_nothing(char third) { return third > 'A' && third < 'Z' && third != 'Q' && third != 'T' && third != 'U'; }

/// Whether a digit follows `Query_time:`.
bool has_digits(std::string_view line) {
  const size_t at = line.find("Query_time:");
  if (at == kNone) return false;
  const std::string_view value = without_blanks(line.substr(at + 11));
  return !value.empty() && is_digit(value[0]);
}

}  // namespace

bool is_banner(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.ends_with("started with:") && line.find(", Version: ") != kNone;
}

bool is_joined(std::string_view record) {
  record = record.substr(0, record.find('\n'));
  size_t bar = record.find('|');
  if (bar == kNone) return false;
  if (record.starts_with('#') && header_line(record.substr(0, bar)) == HeaderLine::query_time) return true;
  for (; bar != kNone; bar = record.find('|', bar + 1)) {
    const std::string_view next = without_blanks(record.substr(bar + 1));
    if (next.starts_with('#') && header_line(next.substr(0, RecordFinder::kLineBytes)) != HeaderLine::none) return true;
  }
  return false;
}

FileForm form_of(std::string_view head) {
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = without_blanks(head.substr(0, end));
    head.remove_prefix(std::min(end + 1, head.size()));
    if (line.starts_with('{')) return FileForm::lines;
    if (line.starts_with('#') && header_line(line) != HeaderLine::none)
      return is_joined(line) ? FileForm::lines : FileForm::blocks;
  }
  return FileForm::blocks;
}

void RecordFinder::begin(From what) {
  if (what == From::resume) return;
  phase_ = what == From::record ? Phase::first : what == From::statement ? Phase::statement : Phase::text;
  header_ = HeaderLines();
  quotes_ = SqlQuotes(line_end_);
  line_begins_ = what != From::middle;
  after_semicolon_ = false;
}

RecordFinder::Found RecordFinder::find(std::string_view window, size_t from, From what, bool at_end) {
  if (form_ == FileForm::lines) return find_line(window, from, at_end);
  begin(what);
  return find_block(window, from, at_end);
}

RecordFinder::Found RecordFinder::find_line(std::string_view window, size_t at, bool at_end) {
  const void* end = at < window.size() ? std::memchr(window.data() + at, '\n', window.size() - at) : nullptr;
  if (end == nullptr) return {npos, window.size()};
  const auto next = static_cast<size_t>(static_cast<const char*>(end) - window.data()) + 1;
  if (next < window.size()) return {next, next};
  return {npos, at_end ? next : next - 1};
}

RecordFinder::Found RecordFinder::find_block(std::string_view window, size_t from, bool at_end) {
  followed_ = from;
  size_t at = from;
  const bool joined = line_end_ == LineEnd::newline_or_bar;
  if (phase_ == Phase::first && line_begins_ && window.size() - at < kByteOrderMark.size() && !at_end)
    return pause(window, from, at);
  if (phase_ == Phase::first && window.substr(at).starts_with(kByteOrderMark)) at += kByteOrderMark.size();
  for (;;) {
    if (joined && line_begins_) {
      while (at < window.size() && (window[at] == ' ' || window[at] == '\t')) ++at;
    }
    if (at == window.size()) return at_end ? Found{} : pause(window, from, at);
    size_t end = find_line_end(window, at, window.size());
    const bool whole = end < window.size() || at_end;
    if (line_begins_) {
      if (!whole && end - at < kLineBytes) return pause(window, from, at);
      if (phase_ == Phase::header && end - at > 2 && window[at] == '#' && leads_nothing(window[at + 2])) {
        header_.take(HeaderLine::other);
      } else if (window[at] == '#') {
        const std::string_view line = window.substr(at, std::min(end - at, kLineBytes));
        size_t next = at;
        switch (judge_marked(window, from, next, line, at_end)) {
          case Judgement::starts: return {at, at};
          case Judgement::needs_more: return pause(window, from, at);
          case Judgement::passes: break;
        }
        if (next != at) {
          at = next;
          line_begins_ = false;
          end = find_line_end(window, at, window.size());
        }
      } else if (ends_record(window, at, end)) {
        return {at, at};
      }
    }
    if (end == window.size()) {
      if (at_end) return {};
      line_begins_ = false;
      return pause(window, from, window.size());
    }
    line_begins_ = true;
    at = end + 1;
  }
}

/// Judges a line that does not begin with `#`, and goes from the header to the statement.
/// @return whether it is a banner that ends the record before it
bool RecordFinder::ends_record(std::string_view window, size_t at, size_t line_end) {
  const size_t size = line_end - at;
  const char last = size == 0 ? '\0' : window[line_end - 1];
  const bool banner = (last == ':' || last == '\r') && size <= kLineBytes && is_banner(window.substr(at, size));
  if (banner) {
    if (phase_ == Phase::first) {
      phase_ = Phase::text;
      return false;
    }
    if (phase_ != Phase::statement) return true;
    followed_ = quotes_.follow(window, followed_, at, true);
    return !quotes_.in_text();
  }
  if (phase_ == Phase::statement || phase_ == Phase::text) return false;
  const std::string_view line = window.substr(at, std::min(size, kLineBytes));
  const bool blank = without_blanks(line).empty();
  if (phase_ == Phase::first) {
    // Blank lines are a record of their own, so that the next one begins with its header.
    phase_ = Phase::text;
  } else if (blank) {
    return false;
  } else if (!is_bare_header(line)) {
    phase_ = Phase::statement;
    followed_ = at;
  }
  return false;
}

/// Judges a line that begins with `#`.
/// @param at  moves on when the line lies inside a string whose end is known
RecordFinder::Judgement RecordFinder::judge_marked(std::string_view window, size_t from, size_t& at,
                                                   std::string_view line, bool at_end) {
  switch (phase_) {
    case Phase::first: phase_ = Phase::header; [[fallthrough]];
    case Phase::header: {
      const Judgement judgement = judge_header(line);
      if (phase_ == Phase::statement) followed_ = at;
      return judgement;
    }
    case Phase::text: return judge_outside(window, from, at, line, at_end);
    case Phase::statement: break;
  }
  // What is only a comment needs no look at the quotes.
  const HeaderLine kind = header_line(line);
  if (kind == HeaderLine::none || kind == HeaderLine::administrator) return Judgement::passes;
  followed_ = quotes_.follow(window, followed_, at, true);
  return quotes_.in_text() ? judge_inside(window, at, at_end) : judge_outside(window, from, at, line, at_end);
}

RecordFinder::Judgement RecordFinder::judge_header(std::string_view line) {
  HeaderLine kind = leading_header_line(line);
  if (kind == HeaderLine::administrator) {
    phase_ = Phase::statement;
    return Judgement::passes;
  }
  if (!header_.take(kind)) return Judgement::starts;
  while (kind == HeaderLine::time || kind == HeaderLine::user) {
    const size_t inside = header_inside(line);
    if (inside == kNone) break;
    line.remove_prefix(inside);
    kind = leading_header_line(line);
    header_.take(kind);
  }
  return Judgement::passes;
}

RecordFinder::Judgement RecordFinder::judge_outside(std::string_view window, size_t from, size_t at,
                                                    std::string_view line, bool at_end) const {
  const HeaderLine kind = header_line(line);
  if (kind == HeaderLine::none || kind == HeaderLine::administrator) return Judgement::passes;
  if (kind == HeaderLine::query_time || is_exact(kind, line)) return Judgement::starts;
  const Run run = read_run(window, at, at_end);
  if (run.needs_more) return Judgement::needs_more;
  if (run.query_time) return Judgement::starts;
  return kind != HeaderLine::other && follows_semicolon(window, from, at) ? Judgement::starts : Judgement::passes;
}

/// A whole header inside a string, a quoted name or a block comment: either it is text, or what it stands in was never
/// closed. Reads on as under both, header by header, until one of them cannot be.
RecordFinder::Judgement RecordFinder::judge_inside(std::string_view window, size_t& at, bool at_end) {
  const Run run = read_run(window, at, at_end);
  if (run.needs_more) return Judgement::needs_more;
  if (!run.digits) return Judgement::passes;
  const size_t limit = std::min(window.size(), at + kLookAheadBytes);
  SqlQuotes inside = quotes_.without_doubts(), outside(line_end_);
  size_t inside_at = at, outside_at = at;
  bool record_ended = false;  // a whole record would have ended since
  bool in_header = true;
  for (size_t place = at; place < limit;) {
    const size_t end = find_line_end(window, place, limit);
    std::string_view candidate = window.substr(place, std::min(end - place, kLineBytes));
    if (line_end_ == LineEnd::newline_or_bar) candidate = without_blanks(candidate);
    const bool marked = candidate.starts_with('#');
    const HeaderLine kind = marked ? header_line(candidate) : HeaderLine::none;
    if (kind != HeaderLine::none && !in_header) {
      const Run next = read_run(window, place, at_end);
      if (next.needs_more) return Judgement::needs_more;
      if (next.digits) {
        inside.follow_and_doubt(window, inside_at, place);
        outside.follow_and_doubt(window, outside_at, place);
        inside_at = outside_at = place;
        if (inside.doubtful()) return Judgement::starts;
        if (!inside.in_text()) {
          const bool closed = outside.in_text() || !record_ended || outside.doubtful();
          if (!closed) return Judgement::starts;
          quotes_ = SqlQuotes(line_end_);
          followed_ = at = inside.first_outside();
          return Judgement::passes;
        }
        if (!outside.in_text()) record_ended = true;
        in_header = true;
      }
    }
    const bool blank = without_blanks(candidate).empty();
    if (kind == HeaderLine::administrator || (!marked && !blank && !is_bare_header(candidate))) in_header = false;
    place = end + 1;
  }
  if (limit < at + kLookAheadBytes && !at_end) return Judgement::needs_more;
  if (limit == at + kLookAheadBytes)
    return outside.doubtful() && !inside.doubtful() ? Judgement::passes : Judgement::starts;
  inside.follow_and_doubt(window, inside_at, limit);
  outside.follow_and_doubt(window, outside_at, limit);
  const bool closed =
      !inside.in_text() && !inside.doubtful() && (outside.in_text() || !record_ended || outside.doubtful());
  if (!closed) return Judgement::starts;
  quotes_ = SqlQuotes(line_end_);
  followed_ = at = inside.first_outside();
  return Judgement::passes;
}

/// The place to which the search has come. The quotes are followed up to it, so that nothing before it is needed.
RecordFinder::Found RecordFinder::pause(std::string_view window, size_t from, size_t at) {
  if (phase_ == Phase::statement && followed_ < at) {
    const size_t stopped = quotes_.follow(window, followed_, at, false);
    if (stopped < at) line_begins_ = false;
    at = stopped;
  }
  after_semicolon_ = follows_semicolon(window, from, at);
  return {npos, at};
}

RecordFinder::Run RecordFinder::read_run(std::string_view window, size_t at, bool at_end) const {
  const size_t limit = std::min(window.size(), at + kHeaderBytes);
  const bool whole = at_end || window.size() >= at + kHeaderBytes;
  Run run;
  while (at < limit) {
    const size_t end = find_line_end(window, at, limit);
    if (end == limit && !whole) break;
    const std::string_view line = without_blanks(window.substr(at, std::min(end - at, kLineBytes)));
    at = end + 1;
    if (line.empty()) continue;
    if (!line.starts_with('#')) {
      if (is_bare_header(line)) continue;
      return run;
    }
    const HeaderLine kind = header_line(line);
    if (kind == HeaderLine::administrator) return run;
    std::string_view part = line;
    bool found = kind == HeaderLine::query_time || has_query_time_inside(line);
    while (!found) {
      const size_t inside = header_inside(part);
      if (inside == kNone) break;
      part.remove_prefix(inside);
      found = header_line(part) == HeaderLine::query_time;
    }
    if (found) {
      run.query_time = true;
      run.digits = has_digits(part);
      return run;
    }
  }
  run.needs_more = !whole;
  return run;
}

size_t RecordFinder::find_line_end(std::string_view window, size_t from, size_t to) const {
  if (line_end_ == LineEnd::newline_or_bar) return find_bytes<'\n', '|'>(window, from, to);
  const void* found = from < to ? std::memchr(window.data() + from, '\n', to - from) : nullptr;
  return found == nullptr ? to : static_cast<size_t>(static_cast<const char*>(found) - window.data());
}

bool RecordFinder::follows_semicolon(std::string_view window, size_t from, size_t at) const {
  while (at > from) {
    const char c = window[--at];
    if (!is_blank(c) && !(c == '|' && line_end_ == LineEnd::newline_or_bar)) return c == ';';
  }
  return after_semicolon_;
}

}  // namespace slow_query_log
