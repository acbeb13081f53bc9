// A descriptor whose readiness a coroutine can wait for. For .cc files of this folder: it includes Asio's descriptors.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "weir/result.h"

namespace weir::taskmanager {

/// A duplicate of `descriptor`, watched on `executor`; the original stays the caller's.
/// Errors: resource_exhausted (external) when this process or the machine has no descriptor left.
Result<boost::asio::posix::stream_descriptor> watch_duplicate(boost::asio::any_io_executor executor, int descriptor);

}  // namespace weir::taskmanager
