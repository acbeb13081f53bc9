#include "taskmanager/jobs/cancellation.h"

#include <doctest/doctest.h>

namespace weir::taskmanager {
namespace {

using std::chrono::seconds;
using Step = CancelPatience::Step;

TEST_CASE("cancel_patience: tasks are asked again each interval, and the time-out is the last step") {
  struct Row {
    seconds timeout, interval, waited;
    std::optional<Step> expected;
  };
  const Row rows[] = {
      {seconds(180), seconds(30), seconds(0), Step{seconds(30), false}},
      {seconds(180), seconds(30), seconds(120), Step{seconds(30), false}},
      {seconds(180), seconds(30), seconds(150), Step{seconds(30), true}},
      {seconds(180), seconds(30), seconds(180), std::nullopt},
      {seconds(100), seconds(30), seconds(90), Step{seconds(10), true}},
      {seconds(10), seconds(30), seconds(0), Step{seconds(10), true}},
      // Asked once.
      {seconds(10), seconds(0), seconds(0), Step{seconds(10), true}},
      // For ever.
      {seconds(0), seconds(30), seconds(3'000'000), Step{seconds(30), false}},
      {seconds(0), seconds(0), seconds(0), std::nullopt},
  };
  for (const Row& row : rows) {
    INFO(row.timeout.count() << " " << row.interval.count() << " " << row.waited.count());
    CHECK((CancelPatience{row.timeout, row.interval}.next(row.waited) == row.expected));
  }
}

}  // namespace
}  // namespace weir::taskmanager
