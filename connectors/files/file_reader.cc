#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/base/try.h"
#include "common/storage/local_file_system.h"
#include "connectors/files/file_splits.h"
#include "connectors/files/input_files.h"
#include "connectors/files/split_reader.h"
#include "weir/connectors/files.h"

namespace weir::connectors {
namespace {

/// Small files are read several in one poll, so that a block does not hold the records of one file only; each keeps its
/// window meanwhile.
constexpr std::size_t kFilesPerPoll = 64;

/// Lives on: the slot's thread.
class FileReader final : public RawReader {
 public:
  explicit FileReader(FileSourceOptions options)
      : options_(std::move(options)),
        splits_(make_boundary()->splittable() ? std::max<std::uint64_t>(options_.split_bytes, 1) : UINT64_MAX) {}

  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    if (context.restored() != nullptr) TRY_VOID(splits_.restore(*context.restored()));
    splits_.open(context.subtask_index(), context.parallelism());
    return discover();
  }

  Result<Progress> poll(std::vector<RawRecord>& records, std::size_t rows_max) override {
    read_.clear();
    while (records.size() < rows_max && read_.size() < kFilesPerPoll) {
      FileSplit* split = splits_.next();
      if (split == nullptr) return records.empty() ? wait_for_files() : Progress::more();
      if (!reader_) {
        TRY(const bool opened, open_split(*split));
        if (!opened) continue;
      }
      const std::size_t before = records.size();
      TRY_VOID(reader_->read(records, rows_max));
      read_.emplace_back(before, reader_);
      if (!split->done) break;
      // What was read is what was listed, to the end.
      TRY_VOID(split->file->check());
      split->file->end_split();
      reader_.reset();
    }
    return Progress::more();
  }

  std::string place(std::size_t index) const override {
    const auto after = std::find_if(read_.begin(), read_.end(), [&](const auto& part) { return part.first > index; });
    // Readers that gave nothing begin where the next one does.
    const auto& [begin, reader] = *std::prev(after);
    return reader->place(index - begin);
  }

  Result<void> snapshot(SnapshotContext& context) override {
    splits_.snapshot(context);
    return {};
  }
  void close() noexcept override {
    read_.clear();
    reader_.reset();
  }

 private:
  std::unique_ptr<RecordBoundary> make_boundary() const {
    return options_.boundary ? options_.boundary() : options_.format->make_boundary();
  }
  bool monitors() const { return options_.monitor_interval.count() > 0; }

  Result<void> discover() {
    TRY(const std::vector<std::string> files,
        list_input_files(options_.path, monitors() ? NoFiles::wait : NoFiles::error));
    TRY(const std::size_t added, splits_.add(files, !monitors()));
    if (files.empty() && !monitors())
      context_->log(LogLevel::warn, fmt::format("there are no files in {}: nothing is read", options_.path));
    else if (added > 0 || !monitors())
      context_->log(LogLevel::info, fmt::format("{} files, {} new splits here", files.size(), added));
    next_listing_ms_ = context_->now_ms() + options_.monitor_interval.count();
    return {};
  }

  /// Everything that was listed is read.
  Result<Progress> wait_for_files() {
    if (!monitors()) return Progress::finished();
    if (context_->now_ms() >= next_listing_ms_) {
      TRY_VOID(discover());
      if (splits_.next() != nullptr) return Progress::more();
    }
    return Progress::blocked_until(next_listing_ms_);
  }

  /// @return false when the file went before its first byte was read, which a source that waits for files takes for
  /// somebody's cleaning up
  Result<bool> open_split(FileSplit& split) {
    reader_ = std::make_shared<SplitReader>(
        split, [this] { return make_boundary(); },
        SplitReaderOptions{options_.record_bytes_max, options_.format->has_header()});
    const bool begun = split.located;
    Result<void> opened = open_reader(split);
    if (opened.ok()) return true;
    reader_.reset();
    if (!monitors() || begun || opened.error().code != ErrorCode::not_found) return std::move(opened).error();
    context_->log(LogLevel::warn, fmt::format("passed over: {}", opened.error().message));
    split.done = true;
    split.file->end_split();
    return false;
  }

  Result<void> open_reader(FileSplit& split) {
    TRY(std::shared_ptr<ReadableFile> file, split.file->open(files_));
    TRY(std::unique_ptr<InputFile> input, make_input_file(std::move(file), split.path()));
    return reader_->open(std::move(input));
  }

  FileSourceOptions options_;
  OperatorContext* context_ = nullptr;
  LocalFileSystem files_;
  FileSplits splits_;
  std::shared_ptr<SplitReader> reader_;  // of the first split that is not done
  /// Of the last poll: from which record on, who read it. Views are into its window.
  std::vector<std::pair<std::size_t, std::shared_ptr<SplitReader>>> read_;
  std::int64_t next_listing_ms_ = 0;
};

}  // namespace

Result<void> check_input_path(const std::string& path) {
  auto files = list_input_files(path, NoFiles::error);
  return files.ok() ? Result<void>() : Result<void>(std::move(files).error());
}

Result<void> check_monitor_interval(std::chrono::milliseconds interval) {
  if (interval.count() > 0) return {};
  return Error::user(ErrorCode::invalid_argument,
                     "the monitor interval must be a millisecond or more; leave it out to read what is there and end");
}

std::unique_ptr<RawReader> make_file_reader(FileSourceOptions options) {
  return std::make_unique<FileReader>(std::move(options));
}

}  // namespace weir::connectors
