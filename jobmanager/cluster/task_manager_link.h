// The way from the JobManager to one TaskManager: a seam, so that a simulation can stand at the other end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/async/task.h"
#include "common/base/ids.h"
#include "common/gateway/task_manager_gateway.h"
#include "jobmanager/model/task_manager.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// What a link tells its owner, on the control thread, never from within dial(). It must not be closed from inside.
struct LinkEvents {
  std::function<void()> connected;                      ///< calls will be answered from now on
  std::function<void(const std::string& reason)> lost;  ///< refused, reset or not back in time: it is gone
};

/// A connection that is dialled again whenever it ends.
/// Lives on: the control thread. Shared by the registry and by calls under way; `close` is awaited once, by the
/// registry.
class TaskManagerLink {
 public:
  virtual ~TaskManagerLink() = default;
  virtual TaskManagerGateway& gateway() = 0;
  /// Ends the connection; calls under way fail with unavailable. No event comes afterwards.
  virtual Async<void> close() = 0;
};

/// Makes links. Owned by the daemon; outlives the registry.
class TaskManagerDialler {
 public:
  virtual ~TaskManagerDialler() = default;
  /// Begins to dial the TaskManager's advertised address and never gives up.
  virtual std::shared_ptr<TaskManagerLink> dial(const TaskManagerDescription& description, LinkEvents events) = 0;
};

}  // namespace weir::jobmanager
