// Makes one connection to an address. For .cc files of this folder.
#pragma once

#include <memory>

#include "common/async/task.h"
#include "common/rpc/client.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/host_names.h"
#include "common/rpc/node.h"

namespace weir::rpc {

/// A connection after its handshake.
struct Dialled {
  std::unique_ptr<FrameStream> stream;
  Identity peer;
};

/// Resolves the host, tries its addresses in order, shakes hands.
/// Errors, by what they say about the peer:
///     unavailable, failed_precondition, permission_denied, corrupt: its address answered with no, or with something
///     else: it is not there deadline_exceeded, not_found: nothing was heard: it may be there
/// @param names  outlives the call
Async<Dialled> dial(const Address& address, const Node& node, HostNames& names, SteadyTime deadline);

}  // namespace weir::rpc
