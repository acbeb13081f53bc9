#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/base/try.h"
#include "common/storage/local_file_system.h"
#include "connectors/files/input_files.h"
#include "connectors/files/split_reader.h"
#include "weir/connectors/files.h"
#include "weir/key_group.h"

namespace weir::connectors {
namespace {

/// Lives on: the slot's thread.
class FileReader final : public RawReader {
 public:
  explicit FileReader(FileSourceOptions options) : options_(std::move(options)) {}

  Result<void> open(OperatorContext& context) override {
    TRY(const std::vector<std::string> files, list_input_files(options_.path));
    const bool splittable = make_boundary()->splittable();
    for (const std::string& path : files) {
      struct stat status {};
      // A file that has gone since the listing is an error when it is read, for its owner only.
      const std::uint64_t size = ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 1;
      const std::uint64_t split_bytes = splittable ? std::max<std::uint64_t>(options_.split_bytes, 1) : UINT64_MAX;
      const std::uint64_t count = size / split_bytes + (size % split_bytes != 0 ? 1 : 0);
      for (std::uint64_t i = 0; i < count; ++i) {
        if ((hash_bytes(path) + i) % context.parallelism() != context.subtask_index()) continue;
        FileSplit split{.path = path, .begin = i * split_bytes, .position = i * split_bytes};
        // Readers that list at different moments agree on every split's end, whatever the file has grown to.
        if (splittable) split.end = (i + 1) * split_bytes;
        resume(split);
        splits_.push_back(std::move(split));
      }
    }
    context.log(LogLevel::info, fmt::format("{} files, {} splits here", files.size(), splits_.size()));
    return {};
  }

  Result<Progress> poll(std::vector<RawRecord>& records, std::size_t rows_max) override {
    while (current_ < splits_.size()) {
      FileSplit& split = splits_[current_];
      if (!split.done) {
        if (!reader_) {
          reader_.emplace(split, make_boundary(), SplitReaderOptions{options_.record_bytes_max, options_.format->has_header()});
          TRY_VOID(reader_->open(files_));
        }
        TRY_VOID(reader_->read(records, rows_max));
        if (!records.empty()) return Progress::more();
      }
      reader_.reset();
      ++current_;
    }
    return Progress::finished();
  }

  std::string place(std::size_t index) const override { return reader_->place(index); }

  Result<void> snapshot(ByteWriter& out) override {
    out.put_varint(splits_.size());
    for (const FileSplit& split : splits_) {
      out.put_text(split.path);
      out.put(split.begin);
      out.put(split.position);
      out.put(static_cast<std::uint8_t>(split.done ? 2 : split.located ? 1 : 0));
    }
    return {};
  }

  Result<void> restore(ByteReader& in) override {
    std::uint64_t count = 0;
    in.get_varint(count);
    for (std::uint64_t i = 0; in.ok() && i < count; ++i) {
      std::string_view path;
      std::uint64_t begin = 0;
      FileSplit split;
      std::uint8_t phase = 0;
      if (!in.get_text(path) || !in.get(begin) || !in.get(split.position) || !in.get(phase)) break;
      split.located = phase >= 1;
      split.done = phase == 2;
      restored_[{std::string(path), begin}] = split;
    }
    return in.ok() ? Result<void>() : Error::external(ErrorCode::corrupt, "the file source's state is cut off");
  }

  void close() noexcept override { reader_.reset(); }

 private:
  std::unique_ptr<RecordBoundary> make_boundary() const { return options_.boundary ? options_.boundary() : options_.format->make_boundary(); }

  void resume(FileSplit& split) const {
    const auto found = restored_.find({split.path, split.begin});
    if (found == restored_.end()) return;
    split.position = found->second.position;
    split.located = found->second.located;
    split.done = found->second.done;
  }

  FileSourceOptions options_;
  std::map<std::pair<std::string, std::uint64_t>, FileSplit> restored_;
  std::vector<FileSplit> splits_;
  std::size_t current_ = 0;
  LocalFileSystem files_;
  std::optional<SplitReader> reader_;
};

}  // namespace

Result<void> check_input_path(const std::string& path) {
  auto files = list_input_files(path);
  return files.ok() ? Result<void>() : Result<void>(std::move(files).error());
}

std::unique_ptr<RawReader> make_file_reader(FileSourceOptions options) { return std::make_unique<FileReader>(std::move(options)); }

}  // namespace weir::connectors
