// The outputs of a source's splits, and the watermark that follows from theirs.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "weir/operator.h"

namespace weir::taskmanager {

/// What a source emits into: rows go on to `output`, and so does the least watermark over the splits that are neither
/// idle nor released. Lives on: the slot's thread. Owned by the chain, beside its `output`.
class SplitOutputs final : public SourceOutput {
 public:
  explicit SplitOutputs(Output& output);
  ~SplitOutputs() override;

  void emit(Batch& batch) override { output_.emit(batch); }
  void emit_side(std::uint32_t index, Batch& batch) override { output_.emit_side(index, batch); }
  void emit_watermark(EventTime watermark) override { output_.emit_watermark(watermark); }
  Output& split(std::uint32_t number) override;
  void mark_idle(std::uint32_t number) override;
  void release(std::uint32_t number) override;

 private:
  class Split;
  void merge();

  Output& output_;
  std::vector<std::unique_ptr<Split>> splits_;  // by number; null: released, or never used
  std::int64_t merged_ms_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace weir::taskmanager
