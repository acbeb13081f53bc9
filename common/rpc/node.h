// What every connection of a process stands on.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "common/async/clock.h"
#include "common/rpc/cluster_secret.h"
#include "common/rpc/identity.h"

namespace weir::rpc {

/// This process as its peers know it. Made once by the daemon, copied into clients and servers; the clock outlives
/// them.
struct Node {
  asio::any_io_executor executor;
  Clock& clock;
  Identity self;
  Limits limits;
  ClusterSecret secret;
};

}  // namespace weir::rpc
