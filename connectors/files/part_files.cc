#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/base/try.h"
#include "common/storage/durable_file.h"
#include "common/storage/local_file_system.h"
#include "weir/connectors/files.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

/// Lives on: the slot's thread. A part is either in progress, or whole, on disk and under its name; never in between.
class PartFiles final : public ByteSink {
 public:
  explicit PartFiles(FileSinkOptions options) : options_(std::move(options)) {}

  Result<void> open(OperatorContext& context, std::string header) override {
    header_ = std::move(header);
    prefix_ = fmt::format("part-{}-", context.subtask_index());
    TRY_VOID(files_.make_directories(options_.directory));
    // Parts of earlier runs stay: the numbers go on behind them.
    TRY(const std::vector<std::string> names, files_.list(options_.directory));
    for (const std::string& name : names) {
      std::uint64_t number = 0;
      if (!name.starts_with(prefix_)) continue;
      if (std::from_chars(name.data() + prefix_.size(), name.data() + name.size(), number).ec == std::errc()) next_ = std::max(next_, number + 1);
    }
    return {};
  }

  void write(std::string_view record) override {
    if (!state_.ok()) return;
    if (!part_) {
      state_ = begin_part();
      if (!state_.ok()) return;
    }
    buffer_ += record;
    buffer_ += '\n';
    if (buffer_.size() >= kBufferBytes) state_ = write_out();
    if (state_.ok() && part_->size() + buffer_.size() >= options_.part_bytes_max) state_ = publish();
  }

  Result<Progress> ready() override {
    if (!state_.ok()) return state_.error();
    return Progress::more();
  }
  void finish() override {
    if (state_.ok()) state_ = publish();
  }
  Result<void> flush() override {
    finish();
    return state_;
  }
  void close() noexcept override { part_.reset(); }

 private:
  Result<void> begin_part() {
    TRY(DurableFile part, DurableFile::create(files_, fmt::format("{}/{}{}{}", options_.directory, prefix_, next_, options_.suffix)));
    ++next_;
    part_.emplace(std::move(part));
    buffer_.clear();
    if (!header_.empty()) buffer_ = header_ + "\n";
    return {};
  }

  Result<void> write_out() {
    TRY_VOID(part_->append(buffer_));
    buffer_.clear();
    return {};
  }

  Result<void> publish() {
    if (!part_) return {};
    TRY_VOID(write_out());
    TRY_VOID(part_->publish());
    part_.reset();
    return {};
  }

  FileSinkOptions options_;
  LocalFileSystem files_;
  std::string header_;
  std::string prefix_;
  std::uint64_t next_ = 0;  // number of the next part
  std::optional<DurableFile> part_;
  std::string buffer_;  // not yet in the part
  Result<void> state_;
};

}  // namespace

std::unique_ptr<ByteSink> make_part_files(FileSinkOptions options) { return std::make_unique<PartFiles>(std::move(options)); }

}  // namespace weir::connectors
