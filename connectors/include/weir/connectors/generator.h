// Generator: records made from their number.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "weir/collector.h"
#include "weir/connectors/raw_reader.h"
#include "weir/detail/numbered_splits.h"
#include "weir/source.h"

namespace weir::connectors {

/// Random 64 bits that depend on nothing but seed and number: the n-th word of SplitMix64.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
constexpr std::uint64_t random_word(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t z = seed + (n + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}
/// A number in [0, bound) out of a random word. bound < 2^32.
constexpr std::uint64_t random_below(std::uint64_t word, std::uint64_t bound) { return ((word >> 32) * bound) >> 32; }

struct GeneratorOptions {
  static constexpr std::uint64_t kEndless = UINT64_MAX;
  /// Over all subtasks.
  std::uint64_t records = kEndless;
  /// Over all subtasks, each of which gets an equal share.
  double records_per_second = RateLimit::kNone;
};

/// Makes record n for n = 0, 1, 2, ... by calling `make(n)`; subtask i of p makes i, i + p, i + 2p, ... The same
/// numbers give the same records at any parallelism. State: the next number of each split
/// (weir/detail/numbered_splits.h).
///     GeneratorSource<Bid, decltype(make_bid)> source(make_bid, {.records = 1'000'000});
template <class T, class Make>
class GeneratorSource final : public Source<T> {
 public:
  GeneratorSource(Make make, GeneratorOptions options) : make_(std::move(make)), options_(options) {
    if (options_.records_per_second != RateLimit::kNone)
      require(check_max_rate(options_.records_per_second), "generator");
  }

  std::string name() const override { return "Generator"; }
  bool bounded() const override { return options_.records != GeneratorOptions::kEndless; }
  std::unique_ptr<SourceReader> make_reader() const override { return std::make_unique<Reader>(make_, options_); }

 private:
  class Reader final : public SourceReader {
   public:
    Reader(Make make, GeneratorOptions options)
        : make_(std::move(make)), options_(options), rate_(options.records_per_second) {}

    Result<void> open(OperatorContext& context) override {
      context_ = &context;
      collector_.emplace(context);
      Result<void> opened = splits_.open(context);
      if (!opened.ok()) return opened;
      rate_.start(context.now_ms(), context.parallelism());
      return {};
    }

    Result<Progress> poll(SourceOutput& output) override {
      const std::size_t room = rate_.room(context_->now_ms(), kBlockRowsMax);
      if (room == 0 && splits_.next() < options_.records) return Progress::blocked_until(rate_.next_ms());
      collector_->bind(output);
      rate_.take(
          splits_.take(room, options_.records, [this](std::uint64_t number) { collector_->collect(make_(number)); }));
      collector_->flush();
      return splits_.next() < options_.records ? Progress::more() : Progress::finished();
    }

    Result<void> snapshot(SnapshotContext& context) override { return splits_.snapshot(context); }
    void close() noexcept override { collector_.reset(); }

   private:
    Make make_;
    GeneratorOptions options_;
    OperatorContext* context_ = nullptr;
    std::optional<Collector<T>> collector_;
    weir::detail::NumberedSplits splits_;
    RateLimit rate_;
  };

  Make make_;
  GeneratorOptions options_;
};

/// generate<Bid>(make_bid, {.records = 1'000'000})
template <class T, class Make>
GeneratorSource<T, Make> generate(Make make, GeneratorOptions options) {
  return GeneratorSource<T, Make>(std::move(make), options);
}

}  // namespace weir::connectors
