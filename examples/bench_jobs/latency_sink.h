// The end of the latency job: how old each record is.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "examples/bench_jobs/tally.h"
#include "weir/sink.h"

namespace bench_jobs {

/// Nanoseconds of the machine's steady clock, which all its processes share.
inline std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Counts of times, in buckets of 1/32 of a power of two. Lives on: any one thread.
class LatencyHistogram {
 public:
  void add(std::int64_t ns) {
    if (ns > max_) max_ = ns;
    const auto value = static_cast<std::uint64_t>(ns < 32 ? 32 : ns);
    const int top = std::bit_width(value) - 1;
    ++seen_[static_cast<std::size_t>(top) * 32 + ((value >> (top - 5)) & 31)];
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  std::int64_t max_ns() const { return max_; }
  /// The lower end of the bucket below which the part `quantile` of all times lies.
  std::int64_t at(double quantile) const {
    auto left = static_cast<std::int64_t>(static_cast<double>(count_) * quantile);
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      left -= static_cast<std::int64_t>(seen_[i]);
      if (left < 0) return (std::int64_t{1} << (i / 32)) / 32 * static_cast<std::int64_t>(32 + i % 32);
    }
    return max_;
  }

 private:
  std::array<std::uint64_t, 64 * 32> seen_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

struct LatencyOptions {
  std::string
      file;  ///< absolute; each subtask adds a line "rows sum counted p50 p99 p99.9 max", the times in nanoseconds
  std::int64_t skip_ms = 5000;  ///< after the first record, before times are counted
};

/// Lives on: as every sink, the object in the plan, the writer on its slot's thread.
class LatencySink final : public weir::Sink<StampedCount> {
 public:
  explicit LatencySink(LatencyOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "Latency"; }
  std::unique_ptr<weir::Operator> make_writer() const override;

 private:
  LatencyOptions options_;
};

}  // namespace bench_jobs
