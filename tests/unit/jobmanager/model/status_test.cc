#include "jobmanager/model/status.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

TEST_CASE("status: a job and a task spell their cancelling differently, as Flink does") {
  CHECK(name_of(JobStatus::cancelling) == "CANCELLING");
  CHECK(name_of(TaskStatus::canceling) == "CANCELING");
}

TEST_CASE("status: nothing follows an end, and no task goes backwards") {
  for (std::size_t from = 0; from < kTaskStatuses; ++from) {
    for (std::size_t to = 0; to < kTaskStatuses; ++to) {
      const auto a = static_cast<TaskStatus>(from), b = static_cast<TaskStatus>(to);
      if (is_over(a)) CHECK(!may_follow(a, b));
      if (may_follow(a, b)) CHECK(!may_follow(b, a));
    }
  }
  for (std::size_t to = 0; to < kJobStatuses; ++to) {
    for (auto end : {JobStatus::failed, JobStatus::canceled, JobStatus::finished})
      CHECK(!may_follow(end, static_cast<JobStatus>(to)));
  }
}

TEST_CASE("status: a task may skip steps that were not heard of, but not end before it was deployed") {
  CHECK(may_follow(TaskStatus::deploying, TaskStatus::running));
  CHECK(may_follow(TaskStatus::deploying, TaskStatus::finished));
  CHECK(may_follow(TaskStatus::scheduled, TaskStatus::canceled));
  CHECK(!may_follow(TaskStatus::scheduled, TaskStatus::running));
  CHECK(!may_follow(TaskStatus::scheduled, TaskStatus::canceling));
  CHECK(!may_follow(TaskStatus::running, TaskStatus::initializing));
  CHECK(!may_follow(TaskStatus::canceling, TaskStatus::running));
}

TEST_CASE("status: a vertex is what its tasks are, by Flink's rule") {
  auto of = [](std::initializer_list<TaskStatus> tasks) {
    StatusCounts counts{};
    for (auto task : tasks) ++counts[static_cast<std::size_t>(task)];
    return vertex_status(counts);
  };
  using enum TaskStatus;
  CHECK(of({running, failed, canceled}) == failed);
  CHECK(of({running, canceling, canceled}) == canceling);
  CHECK(of({finished, canceled}) == canceled);
  CHECK(of({running, initializing}) == initializing);
  CHECK(of({running, deploying}) == running);
  CHECK(of({finished, finished}) == finished);
  CHECK(of({finished, deploying}) == running);
  CHECK(of({scheduled, deploying}) == created);
}

}  // namespace
}  // namespace weir::jobmanager
