// The door into the JobManager: what a TaskManager tells it.
#pragma once

#include "common/async/clock.h"
#include "common/async/task.h"

namespace weir::proto {
class RegisterRequest;
class RegisterReply;
class HeartbeatRequest;
class HeartbeatReply;
class TaskStatusRequest;
class TaskStatusReply;
class BlobReadRequest;
class BlobReadReply;
}  // namespace weir::proto

namespace weir {

/// The verbs of the JobManager. Made by: the RPC binding (in a TaskManager), the JobManager's own service, a
/// simulation. Lives on: the control thread. Errors of every verb: unavailable, deadline_exceeded and what the verb
/// itself says.
class JobManagerGateway {
 public:
  virtual ~JobManagerGateway() = default;

  /// Makes the TaskManager and its slots known. The same incarnation may register again: it keeps its slots. Another
  /// incarnation of the same id replaces the old one, whose tasks are lost. Errors: invalid_argument when the request
  /// names no host, port or slots.
  virtual Async<proto::RegisterReply> register_task_manager(proto::RegisterRequest request, SteadyTime deadline) = 0;
  /// Says "I am alive", with counters. The answer says whether to register again.
  virtual Async<proto::HeartbeatReply> heartbeat(proto::HeartbeatRequest request, SteadyTime deadline) = 0;
  /// Tells what became of tasks. To be sent again until answered; a status heard twice changes nothing.
  virtual Async<proto::TaskStatusReply> task_status(proto::TaskStatusRequest request, SteadyTime deadline) = 0;
};

/// The blob server's one verb.
class BlobGateway {
 public:
  virtual ~BlobGateway() = default;
  /// Bytes of a blob from an offset, at most bytes_max and at most 1 MiB; empty at its end.
  /// Errors: not_found, invalid_argument (no such key, offset beyond the end).
  virtual Async<proto::BlobReadReply> read_blob(proto::BlobReadRequest request, SteadyTime deadline) = 0;
};

}  // namespace weir
