#include "connectors/files/file_splits.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/try.h"
#include "connectors/files/input_file.h"
#include "weir/bytes.h"

namespace weir::connectors {

void FileSplits::open(std::uint32_t subtask, std::uint32_t subtasks) {
  subtask_ = subtask;
  subtasks_ = subtasks;
}

bool FileSplits::mine(const std::string& path, std::uint64_t index) const {
  return owner_of_split(path, index, subtasks_) == subtask_;
}

Result<std::size_t> FileSplits::add(const std::vector<std::string>& files, bool lose_none) {
  std::erase_if(splits_, [&](const FileSplit& split) {
    return split.done && !std::binary_search(files.begin(), files.end(), split.path());
  });
  std::erase_if(known_, [&](const std::string& path) { return !std::binary_search(files.begin(), files.end(), path); });
  current_ = splits_.begin();
  std::size_t added = 0;
  for (const std::string& path : files) {
    if (known_.contains(path)) continue;
    TRY(const Compression compression, compression_of(path));
    // One that cannot be looked at is an error when it is read, for its owner only.
    const auto file = std::make_shared<ListedFile>(path);
    if (file->missing() && !lose_none) continue;
    added += add_file(file, compression != Compression::none);
    known_.insert(path);
  }
  TRY_VOID(check_restored());
  restored_.clear();
  return added;
}

std::size_t FileSplits::add_file(const std::shared_ptr<ListedFile>& file, bool whole) {
  const std::uint64_t size = file->size();
  const std::uint64_t split_bytes = whole ? UINT64_MAX : split_bytes_;
  const std::uint64_t count = size / split_bytes + (size % split_bytes != 0 ? 1 : 0);
  std::size_t added = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!mine(file->path(), i)) continue;
    FileSplit split{.file = file, .begin = i * split_bytes, .position = i * split_bytes};
    // Readers that list at different moments agree on every split's end, whatever the file has grown to.
    if (split_bytes != UINT64_MAX) split.end = (i + 1) * split_bytes;
    resume(split);
    if (!split.done) file->begin_split();
    splits_.push_back(std::move(split));
    ++added;
  }
  if (current_ == splits_.end()) current_ = splits_.begin();
  return added;
}

void FileSplits::resume(FileSplit& split) {
  const auto found = restored_.find({split.path(), split.begin});
  if (found == restored_.end()) return;
  split.position = found->second.position;
  split.located = found->second.located;
  split.done = found->second.done;
  split.head = found->second.head;
  if (!split.done) split.file->expect(split.head);
  restored_.erase(found);
}

Result<void> FileSplits::check_restored() const {
  for (const auto& [key, split] : restored_) {
    if (split.done || !mine(key.first, split_bytes_ == UINT64_MAX ? 0 : key.second / split_bytes_)) continue;
    return Error::external(ErrorCode::not_found,
                           fmt::format("{} was read up to byte {} when the snapshot was taken, and is gone or shorter "
                                       "now: put it back, or start the job without its state",
                                       key.first, split.position));
  }
  return {};
}

FileSplit* FileSplits::next() {
  while (current_ != splits_.end() && current_->done) ++current_;
  return current_ == splits_.end() ? nullptr : &*current_;
}

void FileSplits::snapshot(SnapshotContext& context) const {
  ByteWriter bytes;
  bytes.put(split_bytes_);
  context.add_item("split bytes", Redistribution::union_list, bytes.view());
  for (const FileSplit& split : splits_) {
    if (!split.done && !split.located) continue;
    const FileHead head = split.file->head().value_or(split.head);
    bytes.clear();
    bytes.put(head.bytes);
    bytes.put(head.hash);
    bytes.put(split.begin);
    bytes.put(split.position);
    bytes.put(static_cast<std::uint8_t>(split.done ? 2 : 1));
    context.add_position({split.path(), split.begin / split_bytes_}, bytes.view());
  }
}

Result<void> FileSplits::restore(const RestoredState& state) {
  const auto damaged = [] { return Error::external(ErrorCode::corrupt, "the file source's state is damaged"); };
  for (const std::string_view item : state.items("split bytes")) {
    ByteReader in(item);
    std::uint64_t split_bytes = 0;
    if (!in.get(split_bytes)) return damaged();
    if (split_bytes == split_bytes_) continue;
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("the file source's splits had {} bytes when the snapshot was taken, and have {} "
                                   "now: parts of files would be read twice or not; "
                                   "set split_bytes, and the format, to what they were",
                                   split_bytes, split_bytes_));
  }
  for (const auto& [id, position] : state.positions()) {
    ByteReader in(position);
    FileSplit split;
    std::uint8_t phase = 0;
    if (!in.get(split.head.bytes) || !in.get(split.head.hash) || !in.get(split.begin) || !in.get(split.position) ||
        !in.get(phase) || split.head.bytes > ListedFile::kHeadBytes)
      return damaged();
    split.located = true;
    split.done = phase == 2;
    restored_[{id.name, split.begin}] = split;
  }
  return {};
}

}  // namespace weir::connectors
