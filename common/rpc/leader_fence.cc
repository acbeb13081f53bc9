#include "common/rpc/leader_fence.h"

#include <fmt/format.h>

namespace weir::rpc {

Result<void> LeaderFence::admit(std::uint64_t epoch) {
  if (epoch < highest_) {
    return Error::external(ErrorCode::fenced,
                           fmt::format("a leader of the past spoke: epoch {}, the present one is {}", epoch, highest_));
  }
  highest_ = epoch;
  return {};
}

}  // namespace weir::rpc
