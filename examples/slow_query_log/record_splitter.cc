#include "examples/slow_query_log/record_splitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace slow_query_log {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr std::string_view kTime = "# Time: ";
constexpr std::string_view kUser = "# User@Host: ";
constexpr std::string_view kQueryTime = "# Query_time: ";
/// Longer than any line that could be a header, shorter than what must be at hand before a line.
constexpr size_t kHeaderBytesMax = kLookBackBytes - 1;

bool has_digit_after(std::string_view line, std::string_view prefix) {
  return line.size() > prefix.size() && line.starts_with(prefix) && line[prefix.size()] >= '0' &&
         line[prefix.size()] <= '9';
}

bool is_time_header(std::string_view line) { return has_digit_after(line, kTime); }

/// `/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:`
bool is_banner(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.ends_with("started with:") && line.find(", Version: ") != kNone;
}

/// The line that ends just before `at`, empty when it is longer than a header can be.
std::string_view line_before(std::string_view window, size_t at) {
  if (at == 0) return {};
  const size_t end = at - 1;
  const size_t floor = end > kHeaderBytesMax ? end - kHeaderBytesMax : 0;
  const void* newline = ::memrchr(window.data() + floor, '\n', end - floor);
  if (newline == nullptr && floor != 0 && window[floor - 1] != '\n') return {};
  const size_t begin =
      newline == nullptr ? floor : static_cast<size_t>(static_cast<const char*>(newline) - window.data()) + 1;
  return window.substr(begin, end - begin);
}

/// @param line  without its line end; its first byte is window[at]
bool begins_block(std::string_view window, size_t at, std::string_view line) {
  if (line.empty()) return false;
  if (line[0] != '#') {
    const char last = line.back();
    return (last == ':' || last == '\r') && line.size() <= kHeaderBytesMax && is_banner(line);
  }
  if (is_time_header(line)) return true;
  if (line.starts_with(kUser)) return line.find("] @ ") != kNone && !line_before(window, at).starts_with(kTime);
  return has_digit_after(line, kQueryTime) && !line_before(window, at).starts_with("# ");
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == kNone; }

}  // namespace

FileForm form_of(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    if (line.starts_with('{')) return FileForm::lines;
    if (line.starts_with("# ")) return line.find("|# ") != kNone ? FileForm::lines : FileForm::blocks;
  }
  return FileForm::blocks;
}

size_t find_record_start(std::string_view window, size_t from, FileForm form, bool at_end) {
  size_t at = from;
  if (at > 0 && at <= window.size() && window[at - 1] != '\n') {
    const size_t end = window.find('\n', at);
    if (end == kNone) return kNone;
    at = end + 1;
  }
  while (at < window.size()) {
    if (form == FileForm::lines) return at;
    const char* line = window.data() + at;
    const void* found = std::memchr(line, '\n', window.size() - at);
    if (found == nullptr && !at_end) return kNone;
    const size_t size =
        found == nullptr ? window.size() - at : static_cast<size_t>(static_cast<const char*>(found) - line);
    if (begins_block(window, at, {line, size})) return at;
    at += size + 1;
  }
  return kNone;
}

void RecordSplitter::feed(std::string_view chunk) {
  // What lies before the look-back of the open record is never read again.
  const size_t keep_from = start_ > kLookBackBytes ? start_ - kLookBackBytes : 0;
  if (keep_from > buffer_.size() / 2) {
    buffer_.erase(0, keep_from);
    buffer_offset_ += keep_from;
    start_ -= keep_from;
    searched_ -= keep_from;
  }
  buffer_.append(chunk);
}

std::optional<RawRecord> RecordSplitter::next() {
  for (;;) {
    // The open record's own first line begins a record, too; what is being dropped has lost its first line.
    const size_t from = dropping_ ? searched_ : std::max(searched_, start_ + 1);
    const size_t found = find_record_start(buffer_, from, options_.form, finished_);
    if (found == std::string_view::npos && !finished_) return overlong();
    const size_t end = found == std::string_view::npos ? buffer_.size() : found;
    const bool ended = start_ >= buffer_.size();
    RawRecord record{std::string_view(buffer_).substr(start_, end - start_), buffer_offset_ + start_, false};
    start_ = searched_ = end;
    if (ended) return std::nullopt;
    if (std::exchange(dropping_, false) || is_blank(record.text)) continue;
    while (record.text.ends_with('\n') || record.text.ends_with('\r')) record.text.remove_suffix(1);
    record.too_long = record.text.size() > options_.record_bytes_max;
    record.text = record.text.substr(0, options_.record_bytes_max);
    return record;
  }
}

std::optional<RawRecord> RecordSplitter::overlong() {
  // Search on from the last line: its end is not here yet.
  const size_t line = std::string_view(buffer_).rfind('\n');
  searched_ = std::max(searched_, line == std::string_view::npos ? 0 : line + 1);
  const bool first = !dropping_ && buffer_.size() - start_ > options_.record_bytes_max;
  RawRecord record{std::string_view(buffer_).substr(start_, options_.record_bytes_max), buffer_offset_ + start_, true};
  if (!first && !dropping_) return std::nullopt;
  dropping_ = true;
  // A last line of this length is no header, so its beginning may go.
  if (buffer_.size() - searched_ > 2 * kLookBackBytes) searched_ = buffer_.size();
  start_ = std::max(start_, searched_);
  if (!first) return std::nullopt;
  return record;
}

}  // namespace slow_query_log
