#include "jobmanager/scheduling/task_manager_faults.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

using std::chrono::seconds;

const SteadyTime kStart{seconds(1000)};

TEST_CASE("task_manager_faults: one that failed is avoided for a while, longer each time in a row, and not for ever") {
  TaskManagerFaults faults;
  const auto id = *TaskManagerId::from_string("a"), other = *TaskManagerId::from_string("b");
  CHECK(!faults.is_avoided(id, kStart));
  faults.add(id, kStart);
  CHECK(faults.is_avoided(id, kStart + seconds(29)));
  CHECK(!faults.is_avoided(id, kStart + seconds(30)));
  CHECK(!faults.is_avoided(other, kStart));
  faults.add(id, kStart + seconds(40));
  CHECK(faults.is_avoided(id, kStart + seconds(99)));
  CHECK(!faults.is_avoided(id, kStart + seconds(100)));
  SteadyTime now = kStart + seconds(100);
  for (int i = 0; i < 20; ++i, now += TaskManagerFaults::kLongestPause) faults.add(id, now);
  CHECK(!faults.is_avoided(id, now));
}

TEST_CASE("task_manager_faults: several jobs that fail at the same time are one fault, and a success ends it") {
  TaskManagerFaults faults;
  const auto id = *TaskManagerId::from_string("a");
  for (int i = 0; i < 20; ++i) faults.add(id, kStart + seconds(i));
  CHECK(!faults.is_avoided(id, kStart + seconds(30)));
  faults.add(id, kStart + seconds(31));
  faults.clear(id);
  CHECK(!faults.is_avoided(id, kStart + seconds(31)));
  faults.add(id, kStart + seconds(32));
  CHECK(!faults.is_avoided(id, kStart + seconds(62)));
}

TEST_CASE("is_machine_fault: what the machine did, and neither the job nor orders that crossed") {
  struct Row {
    ErrorCode code;
    Blame blame;
    bool expected;
  };
  for (const Row& row : {Row{ErrorCode::io, Blame::external, true},
                         {ErrorCode::io, Blame::user, false},
                         {ErrorCode::internal, Blame::internal, true},
                         {ErrorCode::unavailable, Blame::external, true},
                         {ErrorCode::deadline_exceeded, Blame::external, true},
                         {ErrorCode::corrupt, Blame::external, true},
                         {ErrorCode::invalid_argument, Blame::user, false},
                         {ErrorCode::not_found, Blame::external, false},
                         {ErrorCode::failed_precondition, Blame::external, false},
                         {ErrorCode::cancelled, Blame::external, false},
                         {ErrorCode::fenced, Blame::external, false},
                         {ErrorCode::user_code, Blame::user, false},
                         {ErrorCode::user_code, Blame::external, false}}) {
    CHECK(is_machine_fault({row.code, row.blame, ""}) == row.expected);
  }
}

}  // namespace
}  // namespace weir::jobmanager
