// The one thing that a gateway needs of a connection.
#pragma once

#include <cstdint>
#include <string>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/rpc/frame.h"

namespace weir::rpc {

/// Makes calls to one peer.
/// Lives on: the control thread.
class Caller {
 public:
  virtual ~Caller() = default;

  /// Sends `payload` to the peer's `method` and yields the reply's payload.
  /// Errors: those of the handler, as it gave them; unavailable when there is no connection or it ends meanwhile (the
  /// peer may or may not have acted); deadline_exceeded; resource_exhausted when a limit of ours is reached (nothing
  /// was sent); invalid_argument when the payload exceeds the frame limit.
  virtual Async<std::string> call(MethodId method, std::string payload, SteadyTime deadline,
                                  std::uint64_t leader_epoch) = 0;
};

}  // namespace weir::rpc
