#include "common/rpc/leader_fence.h"

#include <fmt/format.h>

#include <utility>

namespace weir::rpc {
namespace {

Error fenced(std::string message) { return Error::external(ErrorCode::fenced, std::move(message)); }

}  // namespace

Result<void> LeaderFence::learn(std::uint64_t epoch) {
  if (epoch < epoch_) {
    return fenced(
        fmt::format("the JobManager leads in epoch {}, and this TaskManager has obeyed epoch {}: it is a leader of the "
                    "past, or its high availability was switched off; in the latter case restart the TaskManager",
                    epoch, epoch_));
  }
  epoch_ = epoch;
  return {};
}

Result<void> LeaderFence::admit(const Identity& caller, std::uint64_t epoch) {
  if (epoch < epoch_)
    return fenced(fmt::format("a leader of the past called: its epoch is {}, the present one {}", epoch, epoch_));
  if (leader_.is_none() || caller.incarnation != leader_) {
    return fenced(
        fmt::format("{} {} called in epoch {}, which is not the JobManager that this TaskManager follows (in "
                    "epoch {})",
                    role_name(caller.role), caller.name, epoch, epoch_));
  }
  return {};
}

Result<void> OrderFence::admit(const Identity&, std::uint64_t epoch) {
  if (epoch < epoch_)
    return fenced(fmt::format("an order of a leader of the past: its epoch is {}, the present one {}", epoch, epoch_));
  epoch_ = epoch;
  return {};
}

LeaderClaim::LeaderClaim(std::uint64_t epoch, std::function<void(const Identity& peer, std::uint64_t epoch)> superseded)
    : epoch_(epoch), superseded_(std::move(superseded)), highest_(epoch) {}

Result<void> LeaderClaim::admit(const Identity& caller, std::uint64_t epoch) {
  see(caller, epoch);
  if (epoch <= epoch_) return {};
  return fenced(fmt::format("this JobManager leads in epoch {}, and {} {} obeys epoch {}: another JobManager leads",
                            epoch_, role_name(caller.role), caller.name, epoch));
}

void LeaderClaim::see(const Identity& peer, std::uint64_t epoch) {
  if (epoch <= highest_) return;
  highest_ = epoch;
  if (superseded_) superseded_(peer, epoch);
}

}  // namespace weir::rpc
