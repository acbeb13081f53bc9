// Sends task reports to the next process on their way to the JobManager.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/task.h"
#include "common/base/ids.h"
#include "taskmanager/reports/report_queue.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// Where reports go: from a worker to its TaskManager, from a TaskManager to its JobManager.
/// Lives on: the control thread. Outlives the outbox.
class ReportReceiver {
 public:
  virtual ~ReportReceiver() = default;
  /// Returns when a call may be tried.
  virtual Async<void> wait_until_reachable() = 0;
  /// One call. Errors: unavailable, deadline_exceeded, resource_exhausted and fenced when the reports have not been
  /// received, or perhaps not; any other when the receiver refused them.
  virtual Async<Result<void>> send(const ReportBatch& batch) = 0;
};

/// Sends reports in order, each until the receiver has replied; one call is under way at a time.
/// Lives on: the control thread. Owned by a session, in whose scope run() runs.
/// Promises: a report is dropped only when more than ReportLimits::waiting_max wait, or when the receiver refuses it
/// alone and at its shortest. A batch that is refused is cut in half and sent again.
class ReportOutbox {
 public:
  /// @param receiver_name  for the log: "the JobManager"
  ReportOutbox(asio::any_io_executor executor, Clock& clock, ReportReceiver& receiver, std::string receiver_name,
               ReportLimits limits);

  void push(const JobId& job, proto::TaskReport report);
  /// Drops what waits for these jobs; a batch of theirs that is under way is not sent again.
  void forget(const std::vector<JobId>& jobs);
  /// Sends until it is cancelled.
  Async<void> run();

  /// True when everything has been received.
  bool is_empty() const { return queue_.is_empty() && !under_way_; }
  /// Reports that wait, without those under way.
  std::size_t waiting() const { return queue_.size(); }

 private:
  void on_sent(ReportBatch batch, const Result<void>& outcome);
  void on_refused(ReportBatch batch, const Error& reason);

  // Set once
  Clock& clock_;
  ReportReceiver& receiver_;
  const std::string receiver_name_;
  // Control thread only
  ReportQueue queue_;
  std::optional<JobId> under_way_;  ///< whose reports are being sent; none, too, when they were forgotten meanwhile
  std::size_t reports_per_call_;
  std::chrono::milliseconds pause_{0};  ///< before the next call
  Event has_reports_;
};

}  // namespace weir::taskmanager
