#include "jobmanager/history/finished_jobs.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

using std::chrono::seconds;

rest::JobDetails job(std::string name) {
  rest::JobDetails details;
  details.id = JobId::random();
  details.name = std::move(name);
  return details;
}

TEST_CASE("finished_jobs: forgets by age, by number and by memory, the oldest first") {
  const SteadyTime start{};
  SUBCASE("age") {
    FinishedJobs jobs({.kept_for = seconds(10)});
    const auto old = job("old"), fresh = job("fresh");
    jobs.add(old, start);
    jobs.add(fresh, start + seconds(5));
    jobs.expire(start + seconds(11));
    CHECK(jobs.find(old.id) == nullptr);
    CHECK(jobs.find(fresh.id)->name == "fresh");
  }
  SUBCASE("number") {
    FinishedJobs jobs({.jobs_max = 2});
    for (const char* name : {"a", "b", "c"}) jobs.add(job(name), start);
    REQUIRE(jobs.all().size() == 2);
    CHECK(jobs.all()[0]->name == "b");
  }
  SUBCASE("memory") {
    FinishedJobs jobs({.bytes_max = 100'000});
    for (int i = 0; i < 100; ++i) jobs.add(job(std::string(10'000, 'x')), start);
    CHECK(jobs.bytes() <= 100'000);
    CHECK(jobs.all().size() >= 5);
    jobs.add(job(std::string(200'000, 'x')), start);
    CHECK(jobs.all().empty());
    CHECK(jobs.bytes() == 0);
  }
}

}  // namespace
}  // namespace weir::jobmanager
