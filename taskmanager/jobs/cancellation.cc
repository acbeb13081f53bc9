#include "taskmanager/jobs/cancellation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/observe/log.h"

namespace weir::taskmanager {

std::optional<CancelPatience::Step> CancelPatience::next(std::chrono::nanoseconds waited) const {
  const bool has_end = timeout.count() > 0;
  if (has_end && waited >= timeout) return std::nullopt;
  if (interval.count() == 0) return has_end ? std::optional<Step>({timeout - waited, true}) : std::nullopt;
  if (has_end && timeout - waited <= interval) return Step{timeout - waited, true};
  return Step{interval, false};
}

Cancellation::Cancellation(asio::any_io_executor executor, Clock& clock, const ExecutionLedger& ledger,
                           CancelActions& actions, const JobId& job)
    : clock_(clock),
      ledger_(ledger),
      actions_(actions),
      job_(job),
      scope_(std::move(executor), "cancelling tasks of job " + job.to_hex()) {}

void Cancellation::begin(std::vector<ExecutionId> executions, CancelPatience patience) {
  scope_.start("cancel", actions_.send_cancel(executions));
  scope_.start("enforce", enforce(std::move(executions), patience));
}

Async<void> Cancellation::enforce(std::vector<ExecutionId> executions, CancelPatience patience) {
  std::chrono::nanoseconds waited{0};
  for (auto step = patience.next(waited); step; step = patience.next(waited)) {
    co_await clock_.sleep_for(step->pause);
    waited += step->pause;
    std::vector<ExecutionId> stuck = ledger_.live(executions);
    if (stuck.empty()) co_return;
    if (step->is_last) co_return actions_.give_up(stuck.size());
    for (const ExecutionId& id : stuck) {
      LOG_WARN("job {}: {} has not stopped {} s after it was cancelled and is asked again (task.cancellation.interval)",
               job_, ledger_.name_of(id), std::chrono::duration_cast<std::chrono::milliseconds>(waited).count() / 1e3);
    }
    scope_.start("cancel again", actions_.send_cancel(std::move(stuck)));
  }
}

}  // namespace weir::taskmanager
