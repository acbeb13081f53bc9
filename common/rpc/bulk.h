// How much of something long a message may carry.
#pragma once

#include <algorithm>
#include <cstddef>

namespace weir::rpc {

/// Bytes of a frame that are kept free for the rest of a message.
inline constexpr std::size_t kMessageHeadBytes = 8u << 10;

/// The most bytes of bulk (a piece of a file, a batch) that one message carries: `wanted`, or what fits a frame.
/// @param payload_bytes_max  weir.rpc.max-frame-bytes, which is at least 64 KiB
constexpr std::size_t bulk_bytes(std::size_t wanted, std::size_t payload_bytes_max) {
  return std::min(wanted, payload_bytes_max > 2 * kMessageHeadBytes ? payload_bytes_max - kMessageHeadBytes
                                                                    : payload_bytes_max / 2);
}

}  // namespace weir::rpc
