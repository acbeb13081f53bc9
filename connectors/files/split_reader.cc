#include "connectors/files/split_reader.h"

#include <fmt/format.h>

#include <algorithm>
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
    : split_(split), boundary_(std::move(boundary)), options_(options), too_long_(fmt::format("the record is longer than {} bytes", options.record_bytes_max)) {}

Result<void> SplitReader::open(FileSystem& files) {
  TRY(file_, files.open(split_.path));
  TRY(size_, file_->size());
  TRY_VOID(read_header());
  if (split_.located || split_.begin == 0) {
    // The file's first record begins at its first byte.
    window_offset_ = split_.located ? split_.position : 0;
    record_ = 0;
  } else {
    const std::uint64_t back = std::min<std::uint64_t>(split_.begin, boundary_->look_back_bytes());
    window_offset_ = split_.begin - back;
    searched_ = static_cast<std::size_t>(back);
  }
  return {};
}

Result<void> SplitReader::read_header() {
  std::string head(std::min<std::uint64_t>(size_, kHeadBytes), '\0');
  TRY(const std::size_t got, file_->read_at(0, std::span<char>(head)));
  head.resize(got);
  boundary_->begin_file(head);
  if (!options_.has_header || head.empty()) return {};
  const bool whole = got == size_;
  const std::size_t end = boundary_->find_start(head, 0, 1, whole);
  if (end == RecordBoundary::npos && !whole)
    return Error::user(ErrorCode::corrupt, fmt::format("the header of {} is longer than {} bytes", split_.path, kHeadBytes));
  const std::size_t size = end == RecordBoundary::npos ? head.size() : end;
  header_ = boundary_->trim(std::string_view(head).substr(0, size));
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
    TRY_VOID(fill());
  }
  return {};
}

Result<void> SplitReader::fill() {
  // What lies before the open record is needed only to judge whether a line begins a record.
  const std::size_t needed = record_ == RecordBoundary::npos || overlong_ ? searched_ : record_;
  const std::size_t keep_from = needed - std::min(needed, boundary_->look_back_bytes());
  window_.erase(0, keep_from);
  window_offset_ += keep_from;
  searched_ -= std::min(searched_, keep_from);
  if (record_ != RecordBoundary::npos) record_ -= std::min(record_, keep_from);
  const std::size_t had = window_.size();
  window_.resize(had + kChunkBytes);
  const std::uint64_t left = size_ - std::min(size_, window_offset_ + had);
  Result<std::size_t> got = file_->read_at(window_offset_ + had, std::span<char>(window_.data() + had, std::min<std::uint64_t>(kChunkBytes, left)));
  window_.resize(had + (got.ok() ? *got : 0));
  if (!got.ok()) return std::move(got).error();
  // The file has become shorter than it was.
  if (*got == 0) size_ = window_offset_ + had;
  return {};
}

void SplitReader::produce(std::vector<RawRecord>& records, std::size_t rows_max) {
  const bool at_end = window_at_end();
  std::size_t bytes = 0;
  if (record_ == RecordBoundary::npos) {
    if (window_.size() <= searched_ && !at_end) return;
    const std::size_t found = boundary_->find_start(window_, RecordBoundary::npos, searched_, at_end);
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
    const std::size_t found = boundary_->find_start(window_, record_, std::max(searched_, record_ + 1), at_end);
    if (found == RecordBoundary::npos && !at_end) {
      const std::size_t line = window_.rfind('\n');
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
  const std::string_view whole(window_.data() + record_, end - record_);
  const std::string_view text = boundary_->trim(whole);
  if (!std::exchange(overlong_, false) && !text.empty()) {
    RawRecord record;
    record.bytes = text.substr(0, options_.record_bytes_max);
    if (text.size() > options_.record_bytes_max) record.broken = too_long_.c_str();
    places_.emplace_back(window_offset_ + record_, text.size());
    records.push_back(record);
  }
  record_ = searched_ = end;
  split_.position = window_offset_ + end;
}

void SplitReader::drop_overlong(std::vector<RawRecord>& records) {
  if (!std::exchange(overlong_, true)) {
    RawRecord record;
    record.bytes = std::string_view(window_).substr(record_, options_.record_bytes_max);
    record.broken = too_long_.c_str();
    places_.emplace_back(window_offset_ + record_, record.bytes.size());
    records.push_back(record);
    return;
  }
  // A last line that is longer than what a boundary looks at begins nothing.
  if (window_.size() - searched_ > 2 * boundary_->look_back_bytes()) searched_ = window_.size();
  // The record's first bytes are no longer needed; a boundary that counts from them, as quoted CSV does, goes on from here.
  record_ = std::max(record_, searched_);
}

std::string SplitReader::place(std::size_t index) const {
  const auto [offset, size] = places_[index];
  return fmt::format("{}:{}..{}", split_.path, offset, offset + size);
}

}  // namespace weir::connectors
