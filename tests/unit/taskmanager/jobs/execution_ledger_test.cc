#include "taskmanager/jobs/execution_ledger.h"

#include <doctest/doctest.h>

#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

std::vector<Execution> some(std::size_t count) {
  std::vector<Execution> executions(count);
  for (std::size_t i = 0; i < count; ++i) {
    executions[i].id = ExecutionId::random();
    executions[i].slot = static_cast<std::uint32_t>(i);
    executions[i].name = "Map (" + std::to_string(i + 1) + ")";
  }
  return executions;
}

TEST_CASE("execution_ledger: an execution ends once, and is never taken again") {
  ExecutionLedger ledger;
  const auto tasks = some(2);
  CHECK(ledger.take(tasks).size() == 2);
  CHECK(ledger.take(tasks).empty());
  CHECK(ledger.enter(tasks[0].id, proto::RUNNING)->name == "Map (1)");
  CHECK(ledger.enter(tasks[0].id, proto::FINISHED));
  CHECK(!ledger.enter(tasks[0].id, proto::FINISHED));
  CHECK(!ledger.is_live(tasks[0].id));
  CHECK(ledger.take(tasks).empty());  // a deployment that is repeated late
  CHECK(ledger.has_live_in(1));
  CHECK(!ledger.has_live_in(0));
}

TEST_CASE("execution_ledger: the status of an execution that is not in it is no news") {
  ExecutionLedger ledger;
  CHECK(!ledger.enter(ExecutionId::random(), proto::RUNNING));
  CHECK(!ledger.has_live());
}

TEST_CASE("execution_ledger: an order to stop reaches what lives, and says what it has never heard of") {
  ExecutionLedger ledger;
  const auto tasks = some(3);
  (void)ledger.take(tasks);
  (void)ledger.enter(tasks[2].id, proto::FINISHED);
  const ExecutionId stranger = ExecutionId::random();
  const auto cancelled = ledger.cancel({tasks[0].id, tasks[2].id, stranger});
  CHECK(cancelled.live == std::vector<ExecutionId>{tasks[0].id});
  CHECK(cancelled.unknown == std::vector<ExecutionId>{stranger});
}

TEST_CASE("execution_ledger: what was cancelled before it was handed over is over, and the worker never gets it") {
  ExecutionLedger ledger;
  const auto tasks = some(2);
  (void)ledger.take(tasks);
  (void)ledger.cancel({tasks[1].id});
  const auto cancelled = ledger.cancelled_before_start(tasks);
  REQUIRE(cancelled.size() == 1);
  CHECK(cancelled[0].id == tasks[1].id);
  CHECK(ledger.live({tasks[0].id, tasks[1].id}) == std::vector<ExecutionId>{tasks[0].id});
  CHECK(ledger.cancelled_before_start(tasks).empty());
}

TEST_CASE("execution_ledger: a refused deployment leaves nothing, and may come again") {
  ExecutionLedger ledger;
  const auto tasks = some(2);
  (void)ledger.take(tasks);
  ledger.forget(tasks);
  CHECK(!ledger.has_live());
  CHECK(ledger.cancel({tasks[0].id}).unknown.size() == 1);
  CHECK(ledger.take(tasks).size() == 2);
}

TEST_CASE("execution_ledger: with the worker all that lives is lost, once") {
  ExecutionLedger ledger;
  const auto tasks = some(3);
  (void)ledger.take(tasks);
  (void)ledger.enter(tasks[0].id, proto::CANCELED);
  (void)ledger.cancel({tasks[1].id});
  const auto lost = ledger.lose_all();
  REQUIRE(lost.size() == 2);
  for (const auto& [execution, was_cancelled] : lost) CHECK(was_cancelled == (execution.id == tasks[1].id));
  CHECK(ledger.lose_all().empty());
  CHECK(ledger.take(tasks).empty());
}

TEST_CASE("execution_ledger: what it remembers of the past has a bound") {
  ExecutionLedger ledger;
  const auto first = some(1);
  (void)ledger.take(first);
  (void)ledger.enter(first[0].id, proto::FINISHED);
  for (std::size_t i = 0; i < ExecutionLedger::kOverRemembered; ++i) {
    Execution next;
    next.id = ExecutionId::random();
    (void)ledger.take({next});
    (void)ledger.enter(next.id, proto::FINISHED);
  }
  CHECK(ledger.cancel({first[0].id}).unknown.size() == 1);
}

}  // namespace
}  // namespace weir::taskmanager
