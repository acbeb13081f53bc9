#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/try.h"
#include "common/storage/durable_file.h"
#include "common/storage/local_file_system.h"
#include "weir/bytes.h"
#include "weir/connectors/files.h"
#include "weir/snapshot.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

constexpr std::int64_t kNoTimer = INT64_MAX;
/// How often to look whether the last parts are on the disk.
constexpr std::int64_t kSealMs = 5;
constexpr std::string_view kSealedParts = "sealed parts";

/// Seals a part on the snapshot pool. The sink asks for the outcome only.
class SealPart final : public SnapshotWork {
 public:
  enum class Outcome : std::uint8_t { open, sealed, failed };

  SealPart(std::shared_ptr<DurableFile> part, std::shared_ptr<std::atomic<Outcome>> outcome)
      : part_(std::move(part)), outcome_(std::move(outcome)) {}
  ~SealPart() override {
    if (outcome_->load() == Outcome::open) outcome_->store(Outcome::failed);
  }
  Result<void> run(KeyGroupWriter&) override {
    Result<void> sealed = part_->seal();
    part_.reset();
    outcome_->store(sealed.ok() ? Outcome::sealed : Outcome::failed);
    return sealed;
  }

 private:
  std::shared_ptr<DurableFile> part_;
  std::shared_ptr<std::atomic<Outcome>> outcome_;
};

/// Lives on: the slot's thread. A part is in progress; or part of a checkpoint that is not complete, then it is sealed
/// and hidden; or on disk under its name.
class PartFiles final : public ByteSink {
 public:
  explicit PartFiles(FileSinkOptions options) : options_(std::move(options)) {}

  Result<void> open(OperatorContext& context, std::string header) override {
    context_ = &context;
    header_ = std::move(header);
    prefix_ = fmt::format("part-{}-", context.subtask_index());
    TRY_VOID(files_.make_directories(options_.directory));
    if (context.restored() != nullptr) TRY_VOID(restore(*context.restored()));
    // Parts of earlier runs stay, hidden ones as well: the numbers go on behind them.
    TRY(const std::vector<std::string> names, files_.list(options_.directory));
    for (const std::string& listed : names) {
      const std::string_view name = std::string_view(listed).substr(listed.starts_with('.') ? 1 : 0);
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
    if (!finishing_) return Progress::more();
    // The last parts are published here, also those that wait for a checkpoint: there may be none any more.
    for (const Sealed& sealed : sealed_) {
      if (sealed.outcome->load() == SealPart::Outcome::open)
        return Progress::blocked_until(context_->now_ms() + kSealMs);
    }
    TRY_VOID(checkpoint_completed(UINT64_MAX));
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
    finishing_ = true;
    if (state_.ok()) state_ = publish();
  }
  Result<Progress> prepare_snapshot() override {
    if (!state_.ok()) return state_.error();
    if (part_) TRY_VOID(write_out());
    return Progress::more();
  }
  /// Ends the part. It is made durable on the snapshot pool, and published when the checkpoint is complete.
  Result<void> snapshot(SnapshotContext& context) override {
    if (part_) {
      const auto part = std::make_shared<DurableFile>(std::move(*part_));
      part_.reset();
      part->keep();
      const auto outcome = std::make_shared<std::atomic<SealPart::Outcome>>(SealPart::Outcome::open);
      sealed_.push_back({context.checkpoint_id(), part->hidden_path(), part->path(), outcome});
      context.write_later(std::make_unique<SealPart>(part, outcome));
    }
    ByteWriter bytes;
    for (const Sealed& sealed : sealed_) {
      bytes.clear();
      bytes.put_text(sealed.hidden_path);
      bytes.put_text(sealed.path);
      context.add_item(kSealedParts, Redistribution::list, bytes.view());
    }
    return {};
  }
  Result<void> checkpoint_completed(std::uint64_t checkpoint_id) override {
    while (!sealed_.empty() && sealed_.front().checkpoint_id <= checkpoint_id) {
      const Sealed sealed = std::move(sealed_.front());
      sealed_.pop_front();
      if (sealed.outcome->load() != SealPart::Outcome::sealed)
        return Error::external(ErrorCode::io, fmt::format("{} could not be written to the disk", sealed.path));
      TRY_VOID(publish_sealed(files_, sealed.hidden_path, sealed.path));
    }
    return {};
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

  /// Publishes the parts of the checkpoint that is restored.
  Result<void> restore(const RestoredState& state) {
    for (const std::string_view item : state.items(kSealedParts)) {
      ByteReader in(item);
      std::string_view hidden_path, path;
      if (!in.get_text(hidden_path) || !in.get_text(path))
        return Error::external(ErrorCode::corrupt, "the file sink's state is damaged");
      Result<void> published = publish_sealed(files_, std::string(hidden_path), std::string(path));
      if (published.ok()) continue;
      return Error::external(
          published.error().code,
          fmt::format("a part that belongs to the checkpoint cannot be published: {}", published.error().message));
    }
    return {};
  }

  /// Ended by a checkpoint that is not known to be complete.
  struct Sealed {
    std::uint64_t checkpoint_id;
    std::string hidden_path;
    std::string path;
    std::shared_ptr<std::atomic<SealPart::Outcome>> outcome;
  };

  FileSinkOptions options_;
  OperatorContext* context_ = nullptr;
  LocalFileSystem files_;
  std::deque<Sealed> sealed_;  // the oldest first
  bool finishing_ = false;
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
