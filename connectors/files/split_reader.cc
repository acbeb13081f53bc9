#include "connectors/files/split_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "common/base/try.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
/// Enough to tell a file's form and to hold its header.
constexpr std::size_t kHeadBytes = 64 * 1024;
/// About what fits a block or two.
constexpr std::size_t kReadBytesMax = 64 * 1024;

}  // namespace

SplitReader::SplitReader(FileSplit& split, std::unique_ptr<RecordBoundary> boundary, SplitReaderOptions options)
    : split_(split),
      boundary_(std::move(boundary)),
      options_(options),
      too_long_(fmt::format("the record is longer than {} bytes", options.record_bytes_max)) {}

Result<void> SplitReader::open(FileSystem& files) {
  TRY(file_, open_input_file(files, split_.path));
  TRY(const std::optional<std::uint64_t> size, file_->size());
  size_ = size.value_or(UINT64_MAX);
  if (split_.located && split_.position > size_) {
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} has {} bytes, but was read up to byte {} before: it was cut back or replaced", split_.path,
                    size_, split_.position));
  }
  TRY_VOID(look_at_head());
  if (split_.located || split_.begin == 0) {
    // The file's first record begins at its first byte.
    const std::uint64_t begin = split_.located ? split_.position : 0;
    if (begin <= window_.size() && window_offset_ == 0) {
      record_ = searched_ = static_cast<std::size_t>(begin);
    } else {
      window_.drop_front(window_.size());
      window_offset_ = begin;
      record_ = 0;
    }
  } else {
    const std::uint64_t back = std::min<std::uint64_t>(split_.begin, boundary_->look_back_bytes());
    window_.drop_front(window_.size());
    window_offset_ = split_.begin - back;
    searched_ = static_cast<std::size_t>(back);
  }
  return {};
}

/// The window is the file's head afterwards.
Result<void> SplitReader::look_at_head() {
  bool whole = false, damaged = false;
  while (!whole && window_.size() < kHeadBytes) {
    Result<bool> more = append_chunk(kHeadBytes - window_.size());
    // Damage is told by read() when all before it is read.
    damaged = !more.ok() && more.error().code == ErrorCode::corrupt;
    if (damaged) break;
    if (!more.ok()) return std::move(more).error();
    whole = !*more || window_at_end();
  }
  const std::string_view head = window_.view();
  boundary_->begin_file(head);
  return options_.has_header && !head.empty() ? take_header(head, whole, damaged) : Result<void>();
}

Result<void> SplitReader::take_header(std::string_view head, bool whole, bool damaged) {
  const std::size_t end = boundary_->find_start(head, 0, 1, whole);
  if (end == RecordBoundary::npos && damaged) return {};
  if (end == RecordBoundary::npos && !whole)
    return Error::user(ErrorCode::corrupt,
                       fmt::format("the header of {} is longer than {} bytes", split_.path, head.size()));
  const std::size_t size = end == RecordBoundary::npos ? head.size() : end;
  header_ = boundary_->trim(head.substr(0, size));
  header_pending_ = true;
  if (!split_.located && split_.begin == 0) {
    split_.position = size;
    split_.located = true;
  }
  return {};
}

Result<void> SplitReader::read(std::vector<RawRecord>& records, std::size_t rows_max) {
  places_.clear();
  const std::size_t before = records.size();
  if (header_pending_) {
    header_pending_ = false;
    places_.emplace_back(0, header_.size());
    RawRecord header;
    header.bytes = header_;
    header.header = true;
    records.push_back(header);
  }
  while (!split_.done) {
    produce(records, rows_max);
    if (records.size() > before || split_.done) break;
    Result<void> filled = fill();
    if (filled.ok()) continue;
    if (filled.error().code != ErrorCode::corrupt) return filled;
    set_aside_rest(filled.error().message, records);
  }
  return {};
}

Result<void> SplitReader::fill() {
  // What lies before the open record is needed only to judge whether a line begins a record.
  const std::size_t needed = record_ == RecordBoundary::npos || overlong_ ? searched_ : record_;
  const std::size_t keep_from = std::min(needed - std::min(needed, boundary_->look_back_bytes()), window_.size());
  window_.drop_front(keep_from);
  window_offset_ += keep_from;
  searched_ -= std::min(searched_, keep_from);
  if (record_ != RecordBoundary::npos) record_ -= std::min(record_, keep_from);
  TRY([[maybe_unused]] const bool more, append_chunk(kChunkBytes));
  return {};
}

Result<bool> SplitReader::append_chunk(std::size_t bytes_max) {
  const std::uint64_t at = window_offset_ + window_.size();
  const std::uint64_t left = size_ - std::min(size_, at);
  const std::span<char> room = window_.room(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, left)));
  if (room.empty()) return false;
  TRY(const std::size_t got, file_->read_at(at, room));
  window_.added(got);
  if (got > 0) return true;
  if (size_ != UINT64_MAX)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} had {} bytes and ends at byte {} now: it was cut back or replaced while it was read",
                    split_.path, size_, at));
  size_ = at;
  if (split_.located && split_.position > size_)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} holds {} bytes, but was read up to byte {} before: it was cut back or replaced", split_.path,
                    size_, split_.position));
  return false;
}

void SplitReader::produce(std::vector<RawRecord>& records, std::size_t rows_max) {
  const bool at_end = window_at_end();
  std::size_t bytes = 0;
  if (record_ == RecordBoundary::npos) {
    if (window_.size() <= searched_ && !at_end) return;
    const std::size_t found = boundary_->find_start(window_.view(), RecordBoundary::npos, searched_, at_end);
    if (found == RecordBoundary::npos) {
      searched_ = std::max(searched_, window_.size());
      split_.done = at_end || window_offset_ + searched_ >= split_.end;
      return;
    }
    record_ = found;
  }
  split_.position = window_offset_ + record_;
  split_.located = true;
  while (records.size() < rows_max && bytes < kReadBytesMax) {
    if (!overlong_ && (split_.position >= split_.end || split_.position >= size_)) {
      split_.done = true;
      return;
    }
    const std::size_t found = boundary_->find_start(window_.view(), record_, std::max(searched_, record_ + 1), at_end);
    if (found == RecordBoundary::npos && !at_end) {
      const std::size_t line = window_.view().rfind('\n');
      searched_ = std::max(searched_, line == std::string::npos ? 0 : line + 1);
      if (overlong_ || window_.size() - record_ > options_.record_bytes_max) drop_overlong(records);
      return;
    }
    const std::size_t end = found == RecordBoundary::npos ? window_.size() : found;
    bytes += end - record_;
    deliver(end, records);
  }
}

void SplitReader::deliver(std::size_t end, std::vector<RawRecord>& records) {
  const std::string_view whole = window_.view().substr(record_, end - record_);
  const std::string_view text = boundary_->trim(whole);
  if (!std::exchange(overlong_, false) && !text.empty()) {
    RawRecord record = raw_record(text);
    if (text.size() > options_.record_bytes_max) record.broken = too_long_.c_str();
    places_.emplace_back(window_offset_ + record_, text.size());
    records.push_back(record);
  }
  record_ = searched_ = end;
  split_.position = window_offset_ + end;
}

void SplitReader::drop_overlong(std::vector<RawRecord>& records) {
  if (!std::exchange(overlong_, true)) {
    RawRecord record = raw_record(window_.view().substr(record_));
    record.broken = too_long_.c_str();
    places_.emplace_back(window_offset_ + record_, record.bytes.size());
    records.push_back(record);
    return;
  }
  // A last line that is longer than what a boundary looks at begins nothing.
  if (window_.size() - searched_ > 2 * boundary_->look_back_bytes()) searched_ = window_.size();
  // The record's first bytes are no longer needed; a boundary that counts from them, as quoted CSV does, goes on from
  // here.
  record_ = std::max(record_, searched_);
}

/// Nothing behind the window can be read.
void SplitReader::set_aside_rest(std::string reason, std::vector<RawRecord>& records) {
  damage_ = std::move(reason);
  const std::size_t from = std::min(record_ == RecordBoundary::npos || overlong_ ? searched_ : record_, window_.size());
  RawRecord record = raw_record(window_.view().substr(from));
  record.broken = damage_.c_str();
  places_.emplace_back(window_offset_ + from, window_.size() - from);
  records.push_back(record);
  split_.done = true;
}

RawRecord SplitReader::raw_record(std::string_view bytes) const {
  RawRecord record;
  record.bytes = bytes.substr(0, options_.record_bytes_max);
  record.readable_behind = window_.readable_behind(record.bytes.data() + record.bytes.size());
  return record;
}

std::string SplitReader::place(std::size_t index) const {
  const auto [offset, size] = places_[index];
  return fmt::format("{}:{}..{}", split_.path, offset, offset + size);
}

}  // namespace weir::connectors
