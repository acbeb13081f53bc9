#include "taskmanager/reports/report_queue.h"

#include <doctest/doctest.h>

#include <random>

#include "proto/job_manager.pb.h"
#include "tests/support/seed.h"

namespace weir::taskmanager {
namespace {

proto::TaskReport report_of(proto::TaskStatus status, std::uint32_t subtask = 0) {
  proto::TaskReport report;
  report.mutable_address()->set_execution(std::string(16, 'e'));
  report.mutable_address()->set_subtask(subtask);
  report.set_status(status);
  return report;
}

proto::TaskReport failure_of(std::size_t exception, std::size_t message, std::size_t stack_trace, std::size_t names) {
  proto::TaskReport report = report_of(proto::FAILED);
  report.mutable_failure()->set_exception(std::string(exception, 'e'));
  report.mutable_failure()->set_message(std::string(message, 'm'));
  report.mutable_failure()->set_stack_trace(std::string(stack_trace, 's'));
  report.mutable_failure()->set_blame(proto::RpcError::USER);
  for (std::size_t i = 0; i < names; ++i) {
    (*report.mutable_counters()->mutable_user())[std::string(200, 'u') + std::to_string(i)] = i;
    (*report.mutable_counters()->mutable_gauges())[std::string(200, 'g') + std::to_string(i)] = 0.5;
  }
  report.mutable_counters()->set_records_in(7);
  return report;
}

ReportLimits limits(std::size_t waiting, std::size_t per_call, std::size_t bytes) {
  ReportLimits limits;
  limits.waiting_max = waiting;
  limits.reports_per_call = per_call;
  limits.bytes_per_call = bytes;
  return limits;
}

TEST_CASE("report_queue: a batch has one job's reports, in order, as many as a call may have") {
  ReportQueue queue(limits(100, 3, 1 << 20));
  const JobId a = JobId::random(), b = JobId::random();
  for (std::uint32_t i = 0; i < 4; ++i) queue.push(a, report_of(proto::RUNNING, i));
  queue.push(b, report_of(proto::RUNNING, 9));
  queue.push(a, report_of(proto::FINISHED, 0));
  const ReportBatch first = queue.take(100);
  CHECK(first.job == a);
  REQUIRE(first.reports.size() == 3);
  CHECK(first.reports[2].address().subtask() == 2);
  CHECK(queue.take(100).reports.size() == 1);
  CHECK(queue.take(100).job == b);
  const ReportBatch last = queue.take(1);
  CHECK(last.job == a);
  CHECK(last.reports[0].status() == proto::FINISHED);
  CHECK(queue.is_empty());
}

TEST_CASE("report_queue: what was put back comes first, in its order") {
  ReportQueue queue(limits(100, 2, 1 << 20));
  const JobId job = JobId::random();
  for (std::uint32_t i = 0; i < 3; ++i) queue.push(job, report_of(proto::RUNNING, i));
  queue.put_back(queue.take(2));
  const ReportBatch again = queue.take(2);
  CHECK(again.reports[0].address().subtask() == 0);
  CHECK(again.reports[1].address().subtask() == 1);
}

TEST_CASE("report_queue: the oldest is dropped when too many wait, and forgotten jobs say nothing") {
  ReportQueue queue(limits(2, 10, 1 << 20));
  const JobId a = JobId::random(), b = JobId::random();
  CHECK(queue.push(a, report_of(proto::RUNNING, 0)));
  CHECK(queue.push(b, report_of(proto::RUNNING, 1)));
  CHECK(!queue.push(b, report_of(proto::RUNNING, 2)));
  CHECK(queue.size() == 2);
  queue.push(a, report_of(proto::RUNNING, 3));
  queue.forget({b});
  REQUIRE(queue.size() == 1);
  CHECK(queue.take(10).reports[0].address().subtask() == 3);
}

TEST_CASE("report_queue: every batch fits its frame, whatever reports say, and each report keeps its status") {
  std::mt19937 random(test::seed());
  INFO("WEIR_TEST_SEED=", test::seed());
  for (const std::size_t frame : {std::size_t{64} << 10, std::size_t{1} << 20, std::size_t{64} << 20}) {
    ReportQueue queue(ReportLimits::for_frames_of(frame));
    const JobId job = JobId::random();
    constexpr std::uint32_t kReports = 60;
    for (std::uint32_t i = 0; i < kReports; ++i) {
      const auto size = [&] { return random() % 3 == 0 ? random() % 200'000 : random() % 500; };
      proto::TaskReport report = failure_of(size(), size(), size(), random() % 4 == 0 ? random() % 300 : 0);
      report.mutable_address()->set_subtask(i);
      queue.push(job, std::move(report));
    }
    std::uint32_t next = 0;
    while (!queue.is_empty()) {
      const ReportBatch batch = queue.take(500);
      proto::TaskStatusRequest request;
      request.set_task_manager_id(std::string(255, 't'));
      request.set_job(batch.job.to_bytes());
      request.mutable_reports()->Assign(batch.reports.begin(), batch.reports.end());
      CHECK(request.ByteSizeLong() <= frame);
      for (const auto& report : batch.reports) {
        CHECK(report.address().subtask() == next++);
        CHECK(report.status() == proto::FAILED);
        CHECK(report.failure().blame() == proto::RpcError::USER);
        CHECK(report.counters().records_in() == 7);
      }
    }
    CHECK(next == kReports);
  }
}

TEST_CASE("report_queue: texts are cut before counters are, the stack trace first, with a note of how much") {
  proto::TaskReport report = failure_of(20, 300, 100'000, 10);
  shorten(report, 20'000);
  CHECK(report.ByteSizeLong() <= 20'000);
  CHECK(report.failure().message().size() == 300);
  CHECK(report.failure().stack_trace().starts_with("sss"));
  CHECK(report.failure().stack_trace().ends_with(" bytes cut to fit a message)"));
  CHECK(report.counters().user_size() == 10);

  proto::TaskReport counters = failure_of(20, 20, 20, 1'000);
  shorten(counters, 20'000);
  CHECK(counters.ByteSizeLong() <= 20'000);
  CHECK(counters.counters().user_size() == 0);
  CHECK(counters.failure().stack_trace().size() == 20);

  proto::TaskReport small = failure_of(20, 20, 20, 2);
  const std::string before = small.SerializeAsString();
  shorten(small, small.ByteSizeLong());
  CHECK(small.ByteSizeLong() == before.size());

  proto::TaskReport wide = failure_of(100'000, 100'000, 100'000, 0);
  shorten(wide, 4'096);
  CHECK(wide.ByteSizeLong() <= 4'096);
}

}  // namespace
}  // namespace weir::taskmanager
