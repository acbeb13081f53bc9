// A source out of values that the build function has at hand.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/bytes.h"
#include "weir/collector.h"
#include "weir/source.h"

namespace weir::detail {

/// Notes the next number of a subtask that reads every `step`-th.
inline Result<void> save_next(SnapshotContext& context, std::uint64_t next, std::uint64_t step) {
  ByteWriter item;
  item.put(next);
  item.put(step);
  context.add_item("next number", Redistribution::union_list, item.view());
  return {};
}
/// Where this subtask begins. Errors: the snapshot was taken at another parallelism.
inline Result<std::uint64_t> restored_next(OperatorContext& context) {
  if (context.restored() == nullptr) return std::uint64_t{context.subtask_index()};
  for (const std::string_view item : context.restored()->items("next number")) {
    ByteReader in(item);
    std::uint64_t next = 0;
    std::uint64_t step = 0;
    if (!in.get(next) || !in.get(step) || step == 0)
      return Error::external(ErrorCode::corrupt, "the source's state is damaged");
    if (step != context.parallelism())
      return Error::user(ErrorCode::failed_precondition, "the source ran with parallelism " + std::to_string(step) +
                                                             " when the snapshot was taken: start it with that");
    if (next % step == context.subtask_index()) return next;
  }
  return std::uint64_t{context.subtask_index()};
}

template <class T>
class CollectionReader final : public SourceReader {
 public:
  explicit CollectionReader(std::shared_ptr<const std::vector<T>> values) : values_(std::move(values)) {}

  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<T>>(context);
    // Subtask i of p has the values i, i + p, ...
    step_ = context.parallelism();
    Result<std::uint64_t> first = restored_next(context);
    if (!first.ok()) return std::move(first).error();
    next_ = static_cast<std::size_t>(*first);
    return {};
  }
  Result<Progress> poll(SourceOutput& output) override {
    collector_->bind(output);
    for (std::uint32_t rows = 0; rows < kBlockRowsMax && next_ < values_->size(); ++rows, next_ += step_)
      collector_->collect((*values_)[next_]);
    collector_->flush();
    return next_ < values_->size() ? Progress::more() : Progress::finished();
  }
  Result<void> snapshot(SnapshotContext& context) override { return save_next(context, next_, step_); }

 private:
  std::shared_ptr<const std::vector<T>> values_;
  std::unique_ptr<Collector<T>> collector_;
  std::size_t next_ = 0;
  std::size_t step_ = 1;
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
