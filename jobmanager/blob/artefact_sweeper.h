// Deletes stored artefacts that nothing uses any more.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "jobmanager/blob/blob_store.h"

namespace weir::jobmanager {

/// Asks from time to time which artefacts jobs use, and deletes blobs that neither a job nor a jar names: those whose
/// jar was removed while a job used them.
/// Lives on: the control thread. Owned by the daemon. start() -> ... -> co_await close().
class ArtefactSweeper {
 public:
  /// @param keys_in_use  of the artefacts of all jobs that are not over; called on the control thread
  ArtefactSweeper(asio::any_io_executor executor, Clock& clock, BlobStore& blobs,
                  std::function<std::set<std::string>()> keys_in_use);

  void start() { scope_.start("sweep artefacts", sweep()); }
  Async<void> close() { return scope_.close(); }
  /// A jar was removed: do not wait for the next round.
  void sweep_soon() { wanted_.set(); }

  static constexpr std::chrono::seconds kPause{60};

 private:
  Async<void> sweep();

  // Set once
  Clock& clock_;
  BlobStore& blobs_;
  const std::function<std::set<std::string>()> keys_in_use_;
  // Control thread only
  Event wanted_;
  TaskScope scope_;
};

}  // namespace weir::jobmanager
