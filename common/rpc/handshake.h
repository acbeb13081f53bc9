// The first frames of a connection: who are you, and do we speak the same language. For .cc files of this folder.
#pragma once

#include <chrono>
#include <cstddef>

#include "common/async/task.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/identity.h"

namespace weir::rpc {

/// Nobody needs more before we know who speaks.
inline constexpr std::size_t kHandshakeBytesMax = 4 * 1024;

/// Of the side that dialled: says who we are, then listens who the peer is.
/// Errors: those of FrameStream; what the peer refused us with; failed_precondition when it speaks another version or
/// belongs to another cluster; deadline_exceeded.
Async<Identity> greet(FrameStream& stream, const Identity& self, std::chrono::milliseconds timeout);

/// Of the side that accepted: listens first, then answers. A peer that does not fit is told why before the error
/// returns; one that does not speak the protocol at all gets no answer.
Async<Identity> welcome(FrameStream& stream, const Identity& self, std::chrono::milliseconds timeout);

}  // namespace weir::rpc
