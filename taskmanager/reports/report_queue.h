// Task reports that wait to be sent, and the rule that cuts them into calls. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "common/base/ids.h"

namespace weir::proto {
class TaskReport;
}

namespace weir::taskmanager {

/// What one call may carry, and how much may wait.
struct ReportLimits {
  std::size_t waiting_max = 200'000;      ///< reports; beyond it the oldest is dropped
  std::size_t reports_per_call = 500;     ///< at least 1
  std::size_t bytes_per_call = 4u << 20;  ///< encoded reports of one call

  /// Limits for a connection whose frames hold `payload_bytes_max` (weir.rpc.max-frame-bytes).
  static ReportLimits for_frames_of(std::size_t payload_bytes_max);
};

/// Reports of one job for one call.
struct ReportBatch {
  explicit ReportBatch(JobId its_job);
  ReportBatch(ReportBatch&&) noexcept;
  ~ReportBatch();

  JobId job;
  std::vector<proto::TaskReport> reports;
};

/// Shortens a report until its encoding has at most `bytes_max`: first the stack trace and the texts of its failure,
/// each with a note of what was cut; then counters and gauges of user code are left out. Address and status stay, so
/// the result may be larger than a `bytes_max` below 1 KiB.
void shorten(proto::TaskReport& report, std::size_t bytes_max);

/// Keeps reports in order.
/// Lives on: the control thread. Owned by a ReportOutbox.
class ReportQueue {
 public:
  explicit ReportQueue(ReportLimits limits);
  ~ReportQueue();

  /// @return  false when the oldest report was dropped to make room
  bool push(const JobId& job, proto::TaskReport report);
  /// Takes the oldest reports that have one job and fit one call; never none. ENSUREs that there is one.
  /// A report that is too large alone is shortened.
  /// @param reports_max  at most so many, at least 1
  ReportBatch take(std::size_t reports_max);
  /// Puts a batch that was not received back in front.
  void put_back(ReportBatch batch);
  /// Drops what waits for these jobs.
  void forget(const std::vector<JobId>& jobs);

  bool is_empty() const { return size() == 0; }
  std::size_t size() const;
  const ReportLimits& limits() const { return limits_; }

 private:
  struct Waiting;
  ReportLimits limits_;
  std::deque<Waiting> waiting_;
};

}  // namespace weir::taskmanager
