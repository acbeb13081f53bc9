// A source out of values that the build function has at hand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/collector.h"
#include "weir/detail/numbered_splits.h"
#include "weir/source.h"

namespace weir::detail {

template <class T>
class CollectionReader final : public SourceReader {
 public:
  explicit CollectionReader(std::shared_ptr<const std::vector<T>> values) : values_(std::move(values)) {}

  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<T>>(context);
    return splits_.open(context);
  }
  Result<Progress> poll(SourceOutput& output) override {
    collector_->bind(output);
    splits_.take(kBlockRowsMax, values_->size(),
                 [this](std::uint64_t index) { collector_->collect((*values_)[static_cast<std::size_t>(index)]); });
    collector_->flush();
    return splits_.next() < values_->size() ? Progress::more() : Progress::finished();
  }
  Result<void> snapshot(SnapshotContext& context) override { return splits_.snapshot(context); }

 private:
  std::shared_ptr<const std::vector<T>> values_;
  std::unique_ptr<Collector<T>> collector_;
  NumberedSplits splits_;
};

template <class T>
class CollectionSource final : public Source<T> {
 public:
  explicit CollectionSource(std::vector<T> values)
      : values_(std::make_shared<const std::vector<T>>(std::move(values))) {}
  std::string name() const override { return "Collection"; }
  bool bounded() const override { return true; }
  std::unique_ptr<SourceReader> make_reader() const override { return std::make_unique<CollectionReader<T>>(values_); }

 private:
  std::shared_ptr<const std::vector<T>> values_;
};

}  // namespace weir::detail
