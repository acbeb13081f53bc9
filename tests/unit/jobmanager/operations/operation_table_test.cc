#include "jobmanager/operations/operation_table.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "tests/support/seed.h"

namespace weir::jobmanager {
namespace {

using std::chrono::milliseconds;

OperationKey key_of(OperationKind kind) { return {kind, JobId::random(), TriggerId::random()}; }

TEST_CASE("operations: a status is in progress until the operation ends, and has its outcome from then on") {
  OperationTable table((OperationLimits()));
  const SteadyTime now{};
  const OperationKey good = key_of(OperationKind::savepoint), bad = key_of(OperationKind::checkpoint);
  CHECK(table.begin(good, now).value());
  CHECK(table.begin(bad, now).value());
  const auto before = table.find(good, now).value();
  CHECK(!before->outcome.has_value());
  table.end(good, std::string("file:/sp-1"), now);
  table.end(bad, Error::external(ErrorCode::io, "disk full"), now);
  CHECK(table.find(good, now).value()->outcome->value() == "file:/sp-1");
  CHECK(table.find(bad, now).value()->outcome->error().message == "disk full");
  CHECK(!before->outcome.has_value());  // what was handed out does not change
}

TEST_CASE("operations: the same trigger twice is one operation, and its first outcome stands") {
  OperationTable table((OperationLimits()));
  const SteadyTime now{};
  const OperationKey key = key_of(OperationKind::stop_with_savepoint);
  CHECK(table.begin(key, now).value());
  CHECK(!table.begin(key, now).value());
  table.end(key, std::string("first"), now);
  table.end(key, std::string("second"), now);
  CHECK(!table.begin(key, now).value());
  CHECK(table.find(key, now).value()->outcome->value() == "first");
  CHECK(table.ended() == 1);
}

TEST_CASE("operations: an unknown trigger, another job's and another kind's are not found, in Flink's words") {
  OperationTable table((OperationLimits()));
  const SteadyTime now{};
  const OperationKey key = key_of(OperationKind::savepoint);
  CHECK(table.begin(key, now).ok());
  OperationKey other_job = key, other_kind = key;
  other_job.job = JobId::random();
  other_kind.kind = OperationKind::checkpoint;
  for (const OperationKey& wrong : {other_job, other_kind}) {
    const auto found = table.find(wrong, now);
    REQUIRE(!found.ok());
    CHECK(found.error().code == ErrorCode::not_found);
  }
  CHECK(table.find(other_job, now).error().message ==
        "There is no savepoint operation with triggerId=" + key.trigger.to_hex() + " for job " +
            other_job.job.to_hex() + ".");
  const OperationKey disposal{OperationKind::savepoint_disposal, JobId(), TriggerId::random()};
  CHECK(table.find(disposal, now).error().message ==
        "There is no savepoint disposal operation with triggerId=" + disposal.trigger.to_hex() + ".");
}

TEST_CASE("operations: what has ended is forgotten by age and number, what runs never, and too many are refused") {
  OperationTable table({.kept_for = milliseconds(100), .running_max = 2, .ended_max = 3});
  const SteadyTime start{};
  const OperationKey running = key_of(OperationKind::savepoint);
  CHECK(table.begin(running, start).ok());
  std::vector<OperationKey> ended;
  for (int i = 0; i < 4; ++i) {
    ended.push_back(key_of(OperationKind::savepoint));
    CHECK(table.begin(ended.back(), start).ok());
    CHECK(table.begin(key_of(OperationKind::savepoint), start).error().code == ErrorCode::resource_exhausted);
    table.end(ended.back(), std::string(), start);
  }
  CHECK(!table.find(ended[0], start).ok());
  CHECK(table.find(ended[1], start).ok());
  CHECK(table.find(ended[3], start + milliseconds(100)).ok());
  CHECK(!table.find(ended[3], start + milliseconds(101)).ok());
  CHECK(table.ended() == 0);
  CHECK(table.find(running, start + std::chrono::hours(100)).ok());
  CHECK(table.running() == 1);
}

TEST_CASE("operations: whatever happens, the table keeps its bounds and every running operation") {
  std::mt19937 random(test::seed());
  INFO("WEIR_TEST_SEED=", test::seed());
  OperationTable table({.kept_for = milliseconds(50), .running_max = 8, .ended_max = 5});
  std::vector<OperationKey> running;
  SteadyTime now{};
  for (int step = 0; step < 5'000; ++step) {
    now += milliseconds(random() % 10);
    if (random() % 2 == 0) {
      const OperationKey key = key_of(static_cast<OperationKind>(random() % 5));
      const auto begun = table.begin(key, now);
      CHECK(begun.ok() == (running.size() < 8));
      if (begun.ok()) running.push_back(key);
    } else if (!running.empty()) {
      const std::size_t at = random() % running.size();
      table.end(running[at], std::string("x"), now);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
    }
    CHECK(table.running() == running.size());
    CHECK(table.ended() <= 5);
    for (const auto& key : running) CHECK(table.find(key, now).ok());
  }
}

}  // namespace
}  // namespace weir::jobmanager
