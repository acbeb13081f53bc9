// What lies between a transport, which knows bytes, and a source, which knows records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/arguments.h"
#include "weir/collector.h"
#include "weir/connectors/format.h"
#include "weir/connectors/rate_limit.h"
#include "weir/file_path.h"
#include "weir/source.h"
#include "weir/type_of.h"

namespace weir::connectors {

/// One record as a transport delivers it.
struct RawRecord {
  static constexpr std::int64_t kNoTime = INT64_MIN;

  std::string_view bytes;
  /// As RecordBytes has it.
  std::size_t readable_behind = 0;
  std::int64_t timestamp_ms = kNoTime;
  /// Names the columns of the records that follow.
  bool header = false;
  /// Why the transport already knows that it is no record; null for most.
  const char* broken = nullptr;
};

/// Brings bytes. Lives on: the slot's thread. The order of calls is that of a SourceReader.
class RawReader {
 public:
  virtual ~RawReader() = default;
  virtual Result<void> open(OperatorContext& context) = 0;
  /// Appends about a block of records, or says what wakes it. The views are valid until the next call.
  /// @param records   empty
  /// @param rows_max  no more than this, at least 1: a block, or what the source's rate allows
  virtual Result<Progress> poll(std::vector<RawRecord>& records, std::size_t rows_max) = 0;
  /// Among how many of the subtasks the source's rate is shared.
  virtual std::uint32_t sharers(std::uint32_t parallelism) const { return parallelism; }
  /// Where records[index] of the last poll came from: "orders-3@1288", "/logs/a.log:812..1410".
  virtual std::string place(std::size_t index) const = 0;
  virtual Result<void> snapshot(SnapshotContext& context) = 0;
  virtual void close() noexcept = 0;
};

/// Throws what a build function can only answer by failing: the wrong use of a connector.
inline void require(const Result<void>& checked, const std::string& whose) {
  if (!checked.ok()) throw UsageError(whose + ": " + checked.error().message);
}

/// Whether text is rather UTF-16 than UTF-8: it begins with the mark, or every second byte of its beginning is 0.
inline bool looks_like_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return true;
  bytes = bytes.substr(0, 64);
  std::size_t zeros = 0;
  for (const char c : bytes) zeros += c == '\0' ? 1 : 0;
  return zeros >= 4 && zeros * 5 >= bytes.size() * 2;
}

/// The absolute path in what a job gave. Errors: as parse_file_path, thrown as require does.
inline std::string required_path(std::string_view text, const std::string& whose) {
  const Result<std::string> path = parse_file_path(text);
  if (!path.ok()) require(path.error(), whose);
  return *path;
}

/// The reader of a source of T: bytes from a RawReader, records by a decoder, bad ones by the source's choice.
/// Lives on: the slot's thread.
template <class T>
class DecodingReader final : public SourceReader {
 public:
  /// @param max_rate  records a second over all subtasks; RateLimit::kNone
  DecodingReader(std::string name, std::unique_ptr<RawReader> raw, std::unique_ptr<RecordDecoder> decoder,
                 OnBadRecord on_bad_record, double max_rate)
      : name_(std::move(name)),
        raw_(std::move(raw)),
        decoder_(std::move(decoder)),
        on_bad_record_(on_bad_record),
        rate_(max_rate) {}

  Result<void> open(OperatorContext& context) override {
    good_.emplace(context);
    if (on_bad_record_ == OnBadRecord::dead_letter) bad_.emplace(context, 1);
    bad_count_ = context.counter("numBadRecords");
    context_ = &context;
    rate_.start(context.now_ms(), raw_->sharers(context.parallelism()));
    return raw_->open(context);
  }

  Result<Progress> poll(SourceOutput& output) override {
    records_.clear();
    const std::size_t room = rate_.room(context_->now_ms(), kBlockRowsMax);
    if (room == 0) return Progress::blocked_until(rate_.next_ms());
    Result<Progress> progress = raw_->poll(records_, room);
    rate_.take(records_.size());
    if (!progress.ok() || records_.empty()) return progress;
    announce();
    good_->bind(output);
    if (bad_) bad_->bind(output);
    for (std::size_t i = 0; i < records_.size(); ++i) {
      Result<void> taken = take(i);
      if (!taken.ok()) return std::move(taken).error();
    }
    good_->flush();
    if (bad_) bad_->flush();
    return progress;
  }

  Result<void> snapshot(SnapshotContext& context) override { return raw_->snapshot(context); }
  void close() noexcept override {
    raw_->close();
    good_.reset();
    bad_.reset();
  }

 private:
  void announce() {
    announced_.clear();
    for (const RawRecord& record : records_) {
      if (!record.header && record.broken == nullptr) announced_.push_back({record.bytes, record.readable_behind});
    }
    decoder_->begin_batch(announced_);
  }

  Result<void> take(std::size_t index) {
    const RawRecord& record = records_[index];
    if (record.header) return decoder_->begin(record.bytes);
    if (record.broken != nullptr) {
      reason_ = record.broken;
    } else if (decoder_->decode(record.bytes, &value_, reason_)) [[likely]] {
      if (good_->fits(value_)) [[likely]] {
        if (record.timestamp_ms == RawRecord::kNoTime) {
          good_->collect(value_);
        } else {
          good_->collect(value_, from_ms(record.timestamp_ms));
        }
        return {};
      }
      reason_ = "the record is longer than the job allows";
    } else if (looks_like_utf16(record.bytes)) {
      reason_ += "; it looks like UTF-16: convert it to UTF-8";
    }
    return set_aside(index);
  }

  Result<void> set_aside(std::size_t index) {
    if (on_bad_record_ == OnBadRecord::fail) {
      return Error::user(ErrorCode::corrupt, "bad record at " + raw_->place(index) + ": " + reason_ +
                                                 " (the source's on-bad-record may be skip or dead-letter)");
    }
    bad_count_->add(1);
    if (!bad_) return {};
    letter_.source = name_;
    letter_.place = raw_->place(index);
    letter_.reason = reason_;
    letter_.bytes.assign(records_[index].bytes);
    cut_to_fit(records_[index].bytes);
    bad_->collect(letter_);
    return {};
  }

  /// The limit of a record holds for the bad one, too: it keeps as many bytes as fit, and says how many there were.
  void cut_to_fit(std::string_view bytes) {
    if (bad_->fits(letter_)) return;
    letter_.reason += " (cut: the record has " + std::to_string(bytes.size()) + " bytes)";
    std::size_t fits = 0;
    for (std::size_t least_too_many = bytes.size(); least_too_many - fits > 1;) {
      const std::size_t middle = fits + (least_too_many - fits) / 2;
      letter_.bytes.assign(bytes.substr(0, middle));
      (bad_->fits(letter_) ? fits : least_too_many) = middle;
    }
    letter_.bytes.assign(bytes.substr(0, fits));
  }

  std::string name_;
  std::unique_ptr<RawReader> raw_;
  std::unique_ptr<RecordDecoder> decoder_;
  OnBadRecord on_bad_record_;
  RateLimit rate_;
  OperatorContext* context_ = nullptr;
  std::optional<Collector<T>> good_;
  std::optional<Collector<BadRecord>> bad_;
  Counter* bad_count_ = nullptr;
  std::vector<RawRecord> records_;
  std::vector<RecordBytes> announced_;
  T value_{};
  BadRecord letter_;
  std::string reason_;
};

}  // namespace weir::connectors
