#include "taskmanager/reports/report_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "common/base/ensure.h"
#include "common/rpc/bulk.h"
#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kTextBytesKept = 256;  // of each text, whatever has to be cut
constexpr std::size_t kNoteBytesMax = 64;
constexpr std::size_t kFieldBytes = 8;  // key and length of a report within its request

/// Cuts the end off a text so that `excess` bytes less remain, as far as the text has them; says how much was cut.
void cut(std::string& text, std::size_t excess) {
  const std::size_t keep_at_least = kTextBytesKept + kNoteBytesMax;
  if (text.size() <= keep_at_least) return;
  const std::size_t cut_bytes = std::min(excess + kNoteBytesMax, text.size() - kTextBytesKept);
  text.resize(text.size() - cut_bytes);
  text += fmt::format("\n... ({} bytes cut to fit a message)", cut_bytes);
}

}  // namespace

ReportLimits ReportLimits::for_frames_of(std::size_t payload_bytes_max) {
  ReportLimits limits;
  limits.bytes_per_call = rpc::bulk_bytes(limits.bytes_per_call, payload_bytes_max);
  return limits;
}

void shorten(proto::TaskReport& report, std::size_t bytes_max) {
  const auto excess = [&] {
    const std::size_t bytes = report.ByteSizeLong();
    return bytes > bytes_max ? bytes - bytes_max : 0;
  };
  if (report.has_failure()) {
    proto::Failure& failure = *report.mutable_failure();
    if (const std::size_t bytes = excess(); bytes > 0) cut(*failure.mutable_stack_trace(), bytes);
    if (const std::size_t bytes = excess(); bytes > 0) cut(*failure.mutable_message(), bytes);
    if (const std::size_t bytes = excess(); bytes > 0) cut(*failure.mutable_exception(), bytes);
  }
  if (excess() == 0) return;
  report.mutable_counters()->clear_user();
  report.mutable_counters()->clear_gauges();
}

struct ReportQueue::Waiting {
  JobId job;
  proto::TaskReport report;
};

ReportBatch::ReportBatch(JobId its_job) : job(its_job) {}
ReportBatch::ReportBatch(ReportBatch&&) noexcept = default;
ReportBatch::~ReportBatch() = default;

ReportQueue::ReportQueue(ReportLimits limits) : limits_(limits) {}
ReportQueue::~ReportQueue() = default;

std::size_t ReportQueue::size() const { return waiting_.size(); }

bool ReportQueue::push(const JobId& job, proto::TaskReport report) {
  const bool is_full = waiting_.size() >= limits_.waiting_max;
  if (is_full) waiting_.pop_front();
  waiting_.push_back({job, std::move(report)});
  return !is_full;
}

ReportBatch ReportQueue::take(std::size_t reports_max) {
  ENSURE(!waiting_.empty(), "no task report waits");
  ReportBatch batch(waiting_.front().job);
  const std::size_t count_max = std::clamp<std::size_t>(reports_max, 1, limits_.reports_per_call);
  std::size_t bytes = 0;
  while (!waiting_.empty() && waiting_.front().job == batch.job && batch.reports.size() < count_max) {
    proto::TaskReport& next = waiting_.front().report;
    std::size_t next_bytes = next.ByteSizeLong() + kFieldBytes;
    if (next_bytes > limits_.bytes_per_call) {
      shorten(next, limits_.bytes_per_call - kFieldBytes);
      next_bytes = next.ByteSizeLong() + kFieldBytes;
    }
    if (!batch.reports.empty() && bytes + next_bytes > limits_.bytes_per_call) break;
    bytes += next_bytes;
    batch.reports.push_back(std::move(next));
    waiting_.pop_front();
  }
  return batch;
}

void ReportQueue::put_back(ReportBatch batch) {
  for (auto report = batch.reports.rbegin(); report != batch.reports.rend(); ++report) {
    waiting_.push_front({batch.job, std::move(*report)});
  }
}

void ReportQueue::forget(const std::vector<JobId>& jobs) {
  std::erase_if(waiting_, [&](const Waiting& one) { return std::ranges::find(jobs, one.job) != jobs.end(); });
}

}  // namespace weir::taskmanager
