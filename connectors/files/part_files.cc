#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/try.h"
#include "common/storage/durable_file.h"
#include "common/storage/local_file_system.h"
#include "weir/connectors/files.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

constexpr std::int64_t kNoTimer = INT64_MAX;

/// Lives on: the slot's thread. A part is either in progress, or whole, on disk and under its name; never in between.
class PartFiles final : public ByteSink {
 public:
  explicit PartFiles(FileSinkOptions options) : options_(std::move(options)) {}

  Result<void> open(OperatorContext& context, std::string header) override {
    context_ = &context;
    header_ = std::move(header);
    prefix_ = fmt::format("part-{}-", context.subtask_index());
    TRY_VOID(files_.make_directories(options_.directory));
    // Parts of earlier runs stay: the numbers go on behind them.
    TRY(const std::vector<std::string> names, files_.list(options_.directory));
    for (const std::string& name : names) {
      std::uint64_t number = 0;
      if (!name.starts_with(prefix_)) continue;
      if (std::from_chars(name.data() + prefix_.size(), name.data() + name.size(), number).ec == std::errc())
        next_ = std::max(next_, number + 1);
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
    has_written_ = true;
    if (buffer_.size() >= kBufferBytes) state_ = write_out();
    if (state_.ok() && part_->size() + buffer_.size() >= options_.rolling.file_bytes) state_ = publish();
  }

  Result<Progress> ready() override {
    if (!state_.ok()) return state_.error();
    if (std::exchange(has_written_, false)) written_ms_ = context_->now_ms();
    return Progress::more();
  }
  void on_timer(std::int64_t at_ms) override {
    timer_ms_ = kNoTimer;
    if (!part_ || !state_.ok()) return;
    if (full_at_ms() <= std::max(at_ms, context_->now_ms())) {
      state_ = publish();
    } else {
      set_timer();
    }
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
    TRY(DurableFile part,
        DurableFile::create(files_, fmt::format("{}/{}{}{}", options_.directory, prefix_, next_, options_.suffix)));
    ++next_;
    part_.emplace(std::move(part));
    buffer_.clear();
    if (!header_.empty()) buffer_ = header_ + "\n";
    begun_ms_ = written_ms_ = context_->now_ms();
    set_timer();
    return {};
  }

  std::int64_t full_at_ms() const {
    const std::int64_t rollover = options_.rolling.rollover_interval.count(),
                       inactivity = options_.rolling.inactivity_interval.count();
    return std::min(rollover > 0 ? begun_ms_ + rollover : kNoTimer,
                    inactivity > 0 ? written_ms_ + inactivity : kNoTimer);
  }
  /// One timer at a time: what has been written after it was set is looked at when it comes.
  void set_timer() {
    const std::int64_t at_ms = full_at_ms();
    if (at_ms >= timer_ms_) return;
    timer_ms_ = at_ms;
    context_->wake_at(at_ms);
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
  OperatorContext* context_ = nullptr;
  LocalFileSystem files_;
  std::string header_;
  std::string prefix_;
  std::uint64_t next_ = 0;  // number of the next part
  std::optional<DurableFile> part_;
  std::string buffer_;           // not yet in the part
  std::int64_t begun_ms_ = 0;    // the part
  std::int64_t written_ms_ = 0;  // its last batch
  bool has_written_ = false;     // since the last ready()
  std::int64_t timer_ms_ = kNoTimer;
  Result<void> state_;
};

}  // namespace

Result<void> check_rolling_policy(const RollingPolicy& policy) {
  if (policy.file_bytes == 0)
    return Error::user(ErrorCode::invalid_argument, "the rolling policy's file_bytes must be a byte or more");
  if (policy.rollover_interval.count() < 0 || policy.inactivity_interval.count() < 0)
    return Error::user(ErrorCode::invalid_argument,
                       "the rolling policy's intervals must be a millisecond or more, or 0 for never");
  return {};
}

std::unique_ptr<ByteSink> make_part_files(FileSinkOptions options) {
  return std::make_unique<PartFiles>(std::move(options));
}

}  // namespace weir::connectors
