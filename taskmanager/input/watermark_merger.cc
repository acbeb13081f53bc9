#include "taskmanager/input/watermark_merger.h"

#include <algorithm>

namespace weir::taskmanager {

std::optional<std::int64_t> WatermarkMerger::advance(std::uint32_t channel, std::int64_t ms) {
  std::int64_t& own = by_channel_[channel];
  if (ms <= own) return std::nullopt;
  const bool held_others_back = own == merged_;
  own = ms;
  if (!held_others_back) return std::nullopt;
  const std::int64_t lowest = *std::min_element(by_channel_.begin(), by_channel_.end());
  if (lowest <= merged_) return std::nullopt;
  merged_ = lowest;
  return merged_;
}

}  // namespace weir::taskmanager
