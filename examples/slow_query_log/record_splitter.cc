#include "examples/slow_query_log/record_splitter.h"

#include <algorithm>
#include <utility>

namespace slow_query_log {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

void RecordSplitter::feed(std::string_view chunk) {
  if (start_ > buffer_.size() / 2) {
    buffer_.erase(0, start_);
    buffer_offset_ += start_;
    searched_ -= start_;
    start_ = 0;
  }
  buffer_.append(chunk);
}

std::optional<RawRecord> RecordSplitter::next() {
  for (;;) {
    const RecordFinder::Found found = finder_.find(buffer_, searched_, what_, finished_);
    if (found.start == RecordFinder::npos && !finished_) {
      searched_ = found.resume;
      what_ = RecordFinder::From::resume;
      return overlong();
    }
    const size_t end = found.start == RecordFinder::npos ? buffer_.size() : found.start;
    const bool ended = start_ >= buffer_.size();
    RawRecord record{std::string_view(buffer_).substr(start_, end - start_), buffer_offset_ + start_, false};
    start_ = searched_ = end;
    what_ = RecordFinder::From::record;
    if (ended) return std::nullopt;
    if (std::exchange(dropping_, false) || is_blank(record.text)) continue;
    while (record.text.ends_with('\n') || record.text.ends_with('\r')) record.text.remove_suffix(1);
    record.too_long = record.text.size() > options_.record_bytes_max;
    record.text = record.text.substr(0, options_.record_bytes_max);
    return record;
  }
}

/// The open record has no end yet.
std::optional<RawRecord> RecordSplitter::overlong() {
  if (dropping_) {
    start_ = searched_;
    return std::nullopt;
  }
  // What has been searched belongs to the record, but for a few line ends.
  if (searched_ - start_ <= options_.record_bytes_max + RecordFinder::kLineBytes) return std::nullopt;
  RawRecord record{std::string_view(buffer_).substr(start_, options_.record_bytes_max), buffer_offset_ + start_, true};
  dropping_ = true;
  return record;
}

}  // namespace slow_query_log
