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
constexpr std::size_t kLineEndBytes = 2;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

SplitReader::SplitReader(FileSplit& split, const BoundaryFactory& make_boundary, SplitReaderOptions options)
    : split_(split),
      boundary_(make_boundary()),
      options_(options),
      next_split_(split.end),
      too_long_(fmt::format("the record is longer than {} bytes", options.record_bytes_max)) {
  if (boundary_->splittable()) middle_ = make_boundary();
}

Result<void> SplitReader::open(std::unique_ptr<InputFile> file) {
  file_ = std::move(file);
  TRY(const std::optional<std::uint64_t> size, file_->size());
  size_ = size.value_or(UINT64_MAX);
  if (split_.located && split_.position > size_) {
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} has {} bytes, but was read up to byte {} before: it was cut back or replaced", split_.path(),
                    size_, split_.position));
  }
  TRY_VOID(look_at_head());
  std::uint64_t begin = split_.position;
  if (!split_.located) {
    if (split_.begin == 0) {
      begin = mark_bytes_;
    } else {
      TRY(const std::optional<std::uint64_t> first, find_near(split_.begin, split_.end));
      split_.done = !first;
      begin = first.value_or(split_.end);
    }
    split_.position = begin;
    split_.located = true;
  }
  if (begin <= window_.size()) {
    record_ = searched_ = static_cast<std::size_t>(begin);
  } else {
    window_.drop_front(window_.size());
    window_offset_ = begin;
  }
  return {};
}

Result<std::optional<std::uint64_t>> SplitReader::find_near(std::uint64_t from, std::uint64_t stop) {
  if (from <= mark_bytes_ && !options_.has_header && mark_bytes_ < size_)
    return std::optional<std::uint64_t>(mark_bytes_);
  ByteWindow window;
  std::uint64_t offset = from - std::min<std::uint64_t>(from, middle_->look_back_bytes());
  std::size_t searched = 0;
  auto what = RecordBoundary::From::middle;
  if (offset <= mark_bytes_) {
    offset = mark_bytes_;
    what = RecordBoundary::From::record;
  }
  for (;;) {
    const bool at_end = offset + window.size() >= size_;
    const RecordBoundary::Found found = middle_->find_start(window.view(), searched, what, at_end);
    if (found.start != RecordBoundary::npos) {
      if (offset + found.start >= from) return std::optional<std::uint64_t>(offset + found.start);
      searched = found.start;
      what = RecordBoundary::From::record;
      continue;
    }
    if (at_end || offset + found.resume >= stop) return std::optional<std::uint64_t>();
    window.drop_front(found.resume);
    offset += found.resume;
    searched = 0;
    what = RecordBoundary::From::resume;
    TRY([[maybe_unused]] const bool more, append_chunk(window, offset, kChunkBytes));
  }
}

/// The window is the file's head afterwards.
Result<void> SplitReader::look_at_head() {
  bool whole = false, damaged = false;
  while (!whole && window_.size() < kHeadBytes) {
    Result<bool> more = append_chunk(window_, window_offset_, kHeadBytes - window_.size());
    // Damage is told by read() when all before it is read.
    damaged = !more.ok() && more.error().code == ErrorCode::corrupt;
    if (damaged) break;
    if (!more.ok()) return std::move(more).error();
    whole = !*more || window_at_end();
  }
  std::string_view head = window_.view();
  if (head.starts_with(kByteOrderMark)) {
    mark_bytes_ = kByteOrderMark.size();
    head.remove_prefix(mark_bytes_);
  }
  boundary_->begin_file(head);
  if (middle_) middle_->begin_file(head);
  if (middle_ && middle_->look_back_bytes() <= 1) next_split_ = UINT64_MAX;
  return options_.has_header && !head.empty() ? take_header(head, whole, damaged) : Result<void>();
}

Result<void> SplitReader::take_header(std::string_view head, bool whole, bool damaged) {
  const std::size_t end = boundary_->find_start(head, 0, RecordBoundary::From::record, whole).start;
  if (end == RecordBoundary::npos && damaged) return {};
  if (end == RecordBoundary::npos && !whole)
    return Error::user(ErrorCode::corrupt,
                       fmt::format("the header of {} is longer than {} bytes", split_.path(), head.size()));
  const std::size_t size = end == RecordBoundary::npos ? head.size() : end;
  header_ = boundary_->trim(head.substr(0, size));
  header_pending_ = true;
  if (!split_.located && split_.begin == 0) {
    split_.position = mark_bytes_ + size;
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
    TRY_VOID(produce(records, rows_max));
    if (records.size() > before || split_.done) break;
    Result<void> filled = fill();
    if (filled.ok()) continue;
    if (filled.error().code != ErrorCode::corrupt) return filled;
    set_aside_rest(filled.error().message, records);
  }
  return {};
}

Result<void> SplitReader::fill() {
  const std::size_t keep_from = std::min(overlong_ ? searched_ : record_, window_.size());
  window_.drop_front(keep_from);
  window_offset_ += keep_from;
  searched_ -= keep_from;
  record_ -= std::min(record_, keep_from);
  TRY([[maybe_unused]] const bool more, append_chunk(window_, window_offset_, kChunkBytes));
  return {};
}

Result<bool> SplitReader::append_chunk(ByteWindow& window, std::uint64_t window_offset, std::size_t bytes_max) {
  const std::uint64_t at = window_offset + window.size();
  const std::uint64_t left = size_ - std::min(size_, at);
  const std::span<char> room = window.room(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, left)));
  if (room.empty()) return false;
  TRY(const std::size_t got, file_->read_at(at, room));
  window.added(got);
  if (got > 0) return true;
  if (size_ != UINT64_MAX)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} had {} bytes and ends at byte {} now: it was cut back or replaced while it was read",
                    split_.path(), size_, at));
  size_ = at;
  if (split_.located && split_.position > size_)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} holds {} bytes, but was read up to byte {} before: it was cut back or replaced", split_.path(),
                    size_, split_.position));
  return false;
}

Result<void> SplitReader::produce(std::vector<RawRecord>& records, std::size_t rows_max) {
  const bool at_end = window_at_end();
  std::size_t bytes = 0;
  split_.position = window_offset_ + record_;
  while (records.size() < rows_max && bytes < kReadBytesMax) {
    if (!overlong_ && (split_.position >= split_.end || split_.position >= size_)) {
      split_.done = true;
      return {};
    }
    const RecordBoundary::Found found = boundary_->find_start(window_.view(), searched_, what_, at_end);
    TRY(const std::size_t end, record_end(found, at_end));
    if (end == RecordBoundary::npos) {
      searched_ = found.resume;
      what_ = RecordBoundary::From::resume;
      if (overlong_ || searched_ - record_ > options_.record_bytes_max + kLineEndBytes) drop_overlong(records);
      return {};
    }
    bytes += end - record_;
    deliver(end, records);
  }
  return {};
}

/// Where the open record ends in the window; npos when that is not known yet. A record that goes on into the next split
/// ends at the latest where that one's reader finds its first record, whatever is found from here.
Result<std::size_t> SplitReader::record_end(const RecordBoundary::Found& found, bool at_end) {
  const bool ended = found.start != RecordBoundary::npos;
  const std::size_t end = ended ? found.start : at_end ? window_.size() : found.resume;
  const std::uint64_t reached = window_offset_ + end;
  while (reached > next_split_ && first_of_next_ == UINT64_MAX) {
    const std::uint64_t stop = next_split_ + (split_.end - split_.begin);
    TRY(const std::optional<std::uint64_t> first, find_near(next_split_, stop));
    first_of_next_ = first.value_or(UINT64_MAX);
    next_split_ = stop;
  }
  if (reached >= first_of_next_) return static_cast<std::size_t>(first_of_next_ - window_offset_);
  return ended || at_end ? end : RecordBoundary::npos;
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
  what_ = RecordBoundary::From::record;
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
  // The record's first bytes are no longer needed.
  record_ = std::max(record_, searched_);
}

/// Nothing behind the window can be read.
void SplitReader::set_aside_rest(std::string reason, std::vector<RawRecord>& records) {
  // A line that has its end is whole.
  if (!overlong_ && middle_ && middle_->look_back_bytes() <= 1 && record_ < window_.size() &&
      window_.view().ends_with('\n'))
    deliver(window_.size(), records);
  damage_ = std::move(reason);
  const std::size_t from = std::min(overlong_ ? searched_ : record_, window_.size());
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
  return fmt::format("{}:{}..{}", split_.path(), offset, offset + size);
}

}  // namespace weir::connectors
