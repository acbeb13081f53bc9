// Orders to stop: asked, asked again, and enforced in the end.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "taskmanager/jobs/execution_ledger.h"

namespace weir::taskmanager {

/// When tasks that do not stop are asked again, and when that costs them their worker. A value.
struct CancelPatience {
  std::chrono::nanoseconds timeout{};   ///< task.cancellation.timeout; 0: never
  std::chrono::nanoseconds interval{};  ///< task.cancellation.interval; 0: asked once

  struct Step {
    std::chrono::nanoseconds pause{};  ///< before it
    bool is_last = false;              ///< the patience is over; else they are asked again
    friend bool operator==(const Step&, const Step&) = default;
  };
  /// What follows after so long. @return  nothing: there is nothing more to do
  std::optional<Step> next(std::chrono::nanoseconds waited) const;
};

/// What a cancellation does to the worker.
class CancelActions {
 public:
  virtual ~CancelActions() = default;
  /// Asks the worker to stop these tasks.
  virtual Async<void> send_cancel(std::vector<ExecutionId> executions) = 0;
  /// These tasks have not stopped: the worker has to go.
  virtual void give_up(std::size_t stuck) = 0;
};

/// Keeps asking until all are over.
/// Lives on: the control thread. Owned by the worker's handle; `co_await close()` before destruction.
class Cancellation {
 public:
  Cancellation(asio::any_io_executor executor, Clock& clock, const ExecutionLedger& ledger, CancelActions& actions,
               const JobId& job);

  void begin(std::vector<ExecutionId> executions, CancelPatience patience);
  Async<void> close() { co_await scope_.close(); }

 private:
  Async<void> enforce(std::vector<ExecutionId> executions, CancelPatience patience);

  Clock& clock_;
  const ExecutionLedger& ledger_;
  CancelActions& actions_;
  const JobId job_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
