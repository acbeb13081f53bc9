#include "taskmanager/reports/report_outbox.h"

#include <doctest/doctest.h>

#include <deque>

#include "common/async/task_scope.h"
#include "proto/job_manager.pb.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"

namespace weir::taskmanager {
namespace {

using testing::let_others_run;
using testing::run_coroutine;

/// Stands in for the next process: replies as it is told, in order, and with success from then on.
class ScriptedReceiver final : public ReportReceiver {
 public:
  explicit ScriptedReceiver(asio::any_io_executor executor) : reachable(executor), goes_on(std::move(executor)) {
    reachable.set();
    goes_on.set();
  }
  Async<void> wait_until_reachable() override { return reachable.wait(); }
  Async<Result<void>> send(const ReportBatch& batch) override {
    calls.push_back(batch.reports.size());
    std::vector<std::uint32_t> subtasks;
    for (const auto& report : batch.reports) subtasks.push_back(report.address().subtask());
    const std::size_t bytes = batch.reports.front().ByteSizeLong();
    co_await goes_on.wait();
    if (bytes > report_bytes_max) co_return Error::internal("too large");
    if (subtasks.size() > reports_max) co_return Error::user(ErrorCode::invalid_argument, "too many");
    if (!replies.empty()) {
      const ErrorCode code = replies.front();
      replies.pop_front();
      co_return Error::external(code, "as scripted");
    }
    received.insert(received.end(), subtasks.begin(), subtasks.end());
    co_return Result<void>();
  }

  Event reachable;
  Event goes_on;  ///< a call is replied to
  std::deque<ErrorCode> replies;
  std::size_t reports_max = 1'000;
  std::size_t report_bytes_max = 1u << 30;
  std::vector<std::size_t> calls;
  std::vector<std::uint32_t> received;
};

struct Scene {
  explicit Scene(asio::any_io_executor executor)
      : receiver(executor),
        outbox(executor, clock, receiver, "the receiver", ReportLimits()),
        scope(executor, "a test") {
    scope.start("outbox", outbox.run());
  }
  void push(std::uint32_t subtask, const JobId& job, std::size_t text_bytes = 0) {
    proto::TaskReport report;
    report.mutable_address()->set_subtask(subtask);
    report.set_status(proto::FAILED);
    report.mutable_failure()->set_message(std::string(text_bytes, 'm'));
    outbox.push(job, std::move(report));
  }
  /// Until everything has been received or dropped; time passes meanwhile.
  Async<void> settle() {
    for (int i = 0; i < 1'000 && !outbox.is_empty(); ++i) {
      co_await let_others_run();
      clock.advance(std::chrono::seconds(1));
    }
  }

  testing::SimClock clock;
  ScriptedReceiver receiver;
  ReportOutbox outbox;
  TaskScope scope;
};

using Numbers = std::vector<std::uint32_t>;

TEST_CASE("report_outbox: what was not received is sent again, in order and none twice") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control.executor());
    const JobId job = JobId::random();
    scene.receiver.replies = {ErrorCode::unavailable, ErrorCode::deadline_exceeded, ErrorCode::resource_exhausted,
                              ErrorCode::fenced};
    for (std::uint32_t i = 0; i < 3; ++i) scene.push(i, job);
    co_await let_others_run();
    scene.push(3, job);
    co_await scene.settle();
    CHECK(scene.receiver.received == Numbers{0, 1, 2, 3});
    co_await scene.scope.close();
  });
}

TEST_CASE("report_outbox: a batch that is refused is cut, not dropped") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control.executor());
    const JobId job = JobId::random();
    scene.receiver.reports_max = 3;
    Numbers all;
    for (std::uint32_t i = 0; i < 40; ++i) {
      scene.push(i, job);
      all.push_back(i);
    }
    co_await scene.settle();
    CHECK(scene.receiver.received == all);
    co_await scene.scope.close();
  });
}

TEST_CASE("report_outbox: a report that is refused alone is shortened, and dropped only at its shortest") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control.executor());
    const JobId job = JobId::random();
    scene.receiver.report_bytes_max = 10'000;
    scene.push(0, job, 1u << 20);
    scene.push(1, job);
    co_await scene.settle();
    CHECK(scene.receiver.received == Numbers{0, 1});
    scene.receiver.report_bytes_max = 10;
    scene.push(2, job, 100);
    co_await scene.settle();
    scene.receiver.report_bytes_max = 10'000;
    scene.push(3, job);
    co_await scene.settle();
    CHECK(scene.receiver.received == Numbers{0, 1, 3});
    co_await scene.scope.close();
  });
}

TEST_CASE(
    "report_outbox: nothing is sent before the receiver can be reached, nor of a job that was forgotten by then") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control.executor());
    const JobId kept = JobId::random(), forgotten = JobId::random();
    scene.receiver.reachable.reset();
    scene.push(0, forgotten);
    scene.push(1, kept);
    co_await let_others_run();
    CHECK(scene.receiver.calls.empty());
    CHECK(scene.outbox.waiting() == 2);
    scene.outbox.forget({forgotten});
    scene.receiver.reachable.set();
    co_await scene.settle();
    CHECK(scene.receiver.received == Numbers{1});
    co_await scene.scope.close();
  });
}

TEST_CASE("report_outbox: a batch that failed after its job was forgotten is not sent again") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control.executor());
    const JobId forgotten = JobId::random();
    scene.receiver.goes_on.reset();
    scene.receiver.replies = {ErrorCode::unavailable};
    scene.push(0, forgotten);
    co_await let_others_run();
    REQUIRE(scene.receiver.calls.size() == 1);
    CHECK(!scene.outbox.is_empty());
    scene.outbox.forget({forgotten});
    scene.receiver.goes_on.set();
    co_await scene.settle();
    CHECK(scene.receiver.calls.size() == 1);
    CHECK(scene.receiver.received.empty());
    co_await scene.scope.close();
  });
}

}  // namespace
}  // namespace weir::taskmanager
