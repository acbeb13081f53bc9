#include "taskmanager/task/split_outputs.h"

#include <algorithm>

namespace weir::taskmanager {

/// One split's output.
class SplitOutputs::Split final : public Output {
 public:
  explicit Split(SplitOutputs& all) : all_(all) {}
  void emit(Batch& batch) override {
    is_idle = false;
    all_.output_.emit(batch);
  }
  void emit_side(std::uint32_t index, Batch& batch) override {
    is_idle = false;
    all_.output_.emit_side(index, batch);
  }
  void emit_watermark(EventTime watermark) override {
    is_idle = false;
    watermark_ms = std::max(watermark_ms, to_ms(watermark));
    all_.merge();
  }

  std::int64_t watermark_ms = std::numeric_limits<std::int64_t>::min();
  bool is_idle = false;

 private:
  SplitOutputs& all_;
};

SplitOutputs::SplitOutputs(Output& output) : output_(output) {}
SplitOutputs::~SplitOutputs() = default;

Output& SplitOutputs::split(std::uint32_t number) {
  if (splits_.size() <= number) splits_.resize(number + 1);
  if (splits_[number] == nullptr) splits_[number] = std::make_unique<Split>(*this);
  return *splits_[number];
}

void SplitOutputs::mark_idle(std::uint32_t number) {
  static_cast<Split&>(split(number)).is_idle = true;
  merge();
}

void SplitOutputs::release(std::uint32_t number) {
  if (number >= splits_.size()) return;
  splits_[number].reset();
  merge();
}

void SplitOutputs::merge() {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  std::int64_t least_ms = kNone;
  bool has_active = false;
  for (const auto& split : splits_) {
    if (split == nullptr || split->is_idle) continue;
    has_active = true;
    least_ms = std::min(least_ms, split->watermark_ms);
  }
  if (!has_active || least_ms <= merged_ms_) return;
  merged_ms_ = least_ms;
  output_.emit_watermark(from_ms(least_ms));
}

}  // namespace weir::taskmanager
