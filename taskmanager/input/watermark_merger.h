// The event time that several inputs agree on.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace weir::taskmanager {

/// The minimum of the watermarks of a task's channels; a channel that has ended holds nobody back.
/// Lives on: the consuming slot's thread.
class WatermarkMerger {
 public:
  explicit WatermarkMerger(std::uint32_t channels) : by_channel_(channels, std::numeric_limits<std::int64_t>::min()) {}

  /// A channel's watermark in milliseconds of event time; one that goes backwards is ignored.
  /// @return  the merged watermark, when it has advanced
  std::optional<std::int64_t> advance(std::uint32_t channel, std::int64_t ms);
  /// The channel has ended. @return  as above
  std::optional<std::int64_t> end(std::uint32_t channel) {
    return advance(channel, std::numeric_limits<std::int64_t>::max());
  }
  std::int64_t current() const { return merged_; }

 private:
  std::vector<std::int64_t> by_channel_;
  std::int64_t merged_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace weir::taskmanager
