// Rate limit: how fast a source may go.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "weir/result.h"

namespace weir::connectors {

/// Errors: not a positive, finite number of records a second.
inline Result<void> check_max_rate(double records_per_second) {
  if (records_per_second > 0 && std::isfinite(records_per_second)) return {};
  return Error::user(
      ErrorCode::invalid_argument,
      "the max-rate must be a positive number of records a second; leave it out to read as fast as it goes");
}

/// Holds one subtask of a source back to its share of the source's rate. What was not used may be caught up on, for one
/// second's worth at most. Lives on: the slot's thread.
class RateLimit {
 public:
  static constexpr double kNone = 0;

  /// @param records_per_second  over all subtasks; kNone: as fast as it goes
  explicit RateLimit(double records_per_second) : per_second_(records_per_second) {}

  /// Once, when the reader is opened.
  /// @param sharers  subtasks that share the rate, usually all
  void start(std::int64_t now_ms, std::uint32_t sharers) {
    per_ms_ = per_second_ / 1000.0 / static_cast<double>(sharers);
    saved_max_ = std::max(1.0, per_ms_ * 1000.0);
    saved_ = std::min(saved_max_, std::max(1.0, per_ms_));
    counted_ms_ = now_ms;
  }
  /// How many records may be taken now, `most` at most. 0: none before next_ms().
  std::size_t room(std::int64_t now_ms, std::size_t most) {
    if (per_second_ == kNone) return most;
    if (now_ms > counted_ms_) {
      saved_ = std::min(saved_max_, saved_ + static_cast<double>(now_ms - counted_ms_) * per_ms_);
      counted_ms_ = now_ms;
    }
    return saved_ < 1 ? 0 : std::min(most, static_cast<std::size_t>(saved_));
  }
  /// That many were taken, of the last room().
  void take(std::size_t count) { saved_ -= static_cast<double>(count); }
  /// When the next record may be taken, in the clock's milliseconds.
  std::int64_t next_ms() const {
    if (saved_ >= 1) return counted_ms_;
    return counted_ms_ + std::max<std::int64_t>(
                             1, static_cast<std::int64_t>(std::ceil(std::min(kWaitMsMax, (1 - saved_) / per_ms_))));
  }

 private:
  /// A rate of nearly nothing must not overflow the clock.
  static constexpr double kWaitMsMax = 1e12;

  double per_second_;
  double per_ms_ = 0;  // this subtask's share
  double saved_max_ = 0;
  double saved_ = 0;  // records that may be taken, at counted_ms_
  std::int64_t counted_ms_ = 0;
};

}  // namespace weir::connectors
