// The first frames of a connection: who are you, do we speak the same language, and do you know our cluster's secret.
// docs/formats/rpc_frame.md has them. For .cc files of this folder.
#pragma once

#include <cstddef>

#include "common/async/task.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/identity.h"
#include "common/rpc/node.h"

namespace weir::rpc {

/// Nobody needs more before we know who speaks.
inline constexpr std::size_t kHandshakeBytesMax = 4 * 1024;

/// Of the side that dialled: says who we are, learns who the peer is, and has it prove the secret before it proves
/// ours.
/// @param deadline  of all of it
/// Errors: those of FrameStream; what the peer refused us with; failed_precondition when it speaks another version or
/// belongs to another cluster; permission_denied when it does not know the secret; deadline_exceeded.
Async<Identity> greet(FrameStream& stream, const Node& node, SteadyTime deadline);

/// Of the side that accepted: listens first, then replies. A peer that does not fit is told why before the error
/// returns; one that does not speak the protocol at all gets no reply.
Async<Identity> welcome(FrameStream& stream, const Node& node, SteadyTime deadline);

}  // namespace weir::rpc
