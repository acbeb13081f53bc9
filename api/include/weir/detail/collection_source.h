// A source out of values that the build function has at hand.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/collector.h"
#include "weir/source.h"

namespace weir::detail {

template <class T>
class CollectionReader final : public SourceReader {
 public:
  explicit CollectionReader(std::shared_ptr<const std::vector<T>> values) : values_(std::move(values)) {}

  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<T>>(context);
    // Subtask i of p has the values i, i + p, ...
    next_ = restored_ ? next_ : context.subtask_index();
    step_ = context.parallelism();
    return {};
  }
  Result<Progress> poll(Output& output) override {
    collector_->bind(output);
    for (std::uint32_t rows = 0; rows < kBlockRowsMax && next_ < values_->size(); ++rows, next_ += step_)
      collector_->collect((*values_)[next_]);
    collector_->flush();
    return next_ < values_->size() ? Progress::more() : Progress::finished();
  }
  Result<void> snapshot(ByteWriter& out) override {
    out.put(static_cast<std::uint64_t>(next_));
    return {};
  }
  Result<void> restore(ByteReader& in) override {
    std::uint64_t next = 0;
    if (!in.get(next)) return Error::external(ErrorCode::corrupt, "position of a collection source: too short");
    next_ = static_cast<std::size_t>(next);
    restored_ = true;
    return {};
  }

 private:
  std::shared_ptr<const std::vector<T>> values_;
  std::unique_ptr<Collector<T>> collector_;
  std::size_t next_ = 0;
  std::size_t step_ = 1;
  bool restored_ = false;
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
