// Protects a receiver from leaders of the past.
#pragma once

#include <cstdint>

#include "weir/result.h"

namespace weir::rpc {

/// Remembers the highest leader epoch seen and refuses lower ones.
/// Lives on: the control thread of the receiver, one per daemon or worker; outlives the method tables that ask it.
class LeaderFence {
 public:
  /// Accepts `epoch` and remembers it when it is the highest so far.
  /// Errors: fenced (external) when a higher one has spoken.
  Result<void> admit(std::uint64_t epoch);
  std::uint64_t highest() const noexcept { return highest_; }

 private:
  std::uint64_t highest_ = 0;
};

}  // namespace weir::rpc
