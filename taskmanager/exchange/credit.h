// What a block costs of its channel's credit.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/block.h"

namespace weir::taskmanager {

/// The credit that a block takes: one for a block of the usual size, and for a larger one as many as usual blocks hold
/// its bytes. So a window bounds bytes, too. The most is half of the window and one: a consumer gives credit back in
/// halves of its window, so a producer always comes to have that much, and two blocks of this price never travel
/// together. Both ends of a channel compute the same from the block's header. A channel thus holds at most a window of
/// usual blocks and one record of the largest size.
/// @param window  the channel's credit when nothing is on its way, at least 1
/// @return        1..window
inline std::uint32_t credit_for(const Block& block, std::uint32_t window) {
  const std::uint64_t bytes = std::uint64_t{Block::prefix_bytes(block.flags)} + block.fixed_bytes + block.text_bytes;
  if (bytes <= kBlockCapacity) [[likely]]
    return 1;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>((bytes + kBlockCapacity - 1) / kBlockCapacity, window / 2 + 1));
}

}  // namespace weir::taskmanager
