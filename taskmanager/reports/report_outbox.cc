#include "taskmanager/reports/report_outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/observe/log.h"
#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::chrono::milliseconds kPauseMin{20};
constexpr std::chrono::milliseconds kPauseMax{2000};
constexpr std::size_t kReportBytesMin = 4u << 10;  // what a report is shortened to before it is given up

/// Whether the same reports may be received when they are sent again.
bool is_worth_retrying(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded ||
         code == ErrorCode::resource_exhausted || code == ErrorCode::fenced;
}

}  // namespace

ReportOutbox::ReportOutbox(asio::any_io_executor executor, Clock& clock, ReportReceiver& receiver,
                           std::string receiver_name, ReportLimits limits)
    : clock_(clock),
      receiver_(receiver),
      receiver_name_(std::move(receiver_name)),
      queue_(limits),
      reports_per_call_(limits.reports_per_call),
      has_reports_(std::move(executor)) {}

void ReportOutbox::push(const JobId& job, proto::TaskReport report) {
  if (!queue_.push(job, std::move(report)))
    LOG_ERROR("{} task reports wait for {}: the oldest is dropped", queue_.size(), receiver_name_);
  has_reports_.set();
}

void ReportOutbox::forget(const std::vector<JobId>& jobs) {
  queue_.forget(jobs);
  if (under_way_ && std::ranges::find(jobs, *under_way_) != jobs.end()) under_way_.reset();
}

Async<void> ReportOutbox::run() {
  for (;;) {
    co_await has_reports_.wait();
    co_await receiver_.wait_until_reachable();
    if (queue_.is_empty()) {
      has_reports_.reset();
      continue;
    }
    ReportBatch batch = queue_.take(reports_per_call_);
    under_way_ = batch.job;
    auto call = receiver_.send(batch);
    const Result<void> outcome = co_await std::move(call);
    on_sent(std::move(batch), outcome);
    if (pause_.count() > 0) co_await clock_.sleep_for(pause_);
  }
}

void ReportOutbox::on_sent(ReportBatch batch, const Result<void>& outcome) {
  const bool is_wanted = std::exchange(under_way_, std::nullopt).has_value();
  if (outcome.ok() || !is_wanted) {
    pause_ = {};
    reports_per_call_ = std::min(reports_per_call_ * 2, queue_.limits().reports_per_call);
  } else if (is_worth_retrying(outcome.error().code)) {
    queue_.put_back(std::move(batch));
    pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  } else {
    on_refused(std::move(batch), outcome.error());
  }
}

void ReportOutbox::on_refused(ReportBatch batch, const Error& reason) {
  pause_ = {};
  if (batch.reports.size() > 1) {
    LOG_WARN("job {}: {} refused {} task reports, which are sent again in smaller calls: {}", batch.job, receiver_name_,
             batch.reports.size(), reason.message);
    reports_per_call_ = batch.reports.size() / 2;
    return queue_.put_back(std::move(batch));
  }
  proto::TaskReport& report = batch.reports.front();
  if (report.ByteSizeLong() > kReportBytesMin) {
    const std::size_t bytes = report.ByteSizeLong();
    shorten(report, std::max(kReportBytesMin, bytes / 4));
    if (report.ByteSizeLong() < bytes) {
      LOG_WARN("job {}: {} refused a task report of {} bytes, which is sent again with {}: {}", batch.job,
               receiver_name_, bytes, report.ByteSizeLong(), reason.message);
      return queue_.put_back(std::move(batch));
    }
  }
  LOG_ERROR("job {}: {} refused a task report, which is dropped: {}", batch.job, receiver_name_, reason.message);
}

}  // namespace weir::taskmanager
