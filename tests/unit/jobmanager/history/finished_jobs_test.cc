#include "jobmanager/history/finished_jobs.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

using std::chrono::seconds;

std::shared_ptr<const JobDetails> job(std::string name) {
  auto facts = std::make_shared<JobFacts>();
  facts->id = JobId::random();
  facts->name = std::move(name);
  auto details = std::make_shared<JobDetails>();
  details->facts = std::move(facts);
  details->failures = std::make_shared<FailureList>();
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
    CHECK(jobs.find(old->facts->id) == nullptr);
    CHECK(jobs.find(fresh->facts->id)->facts->name == "fresh");
  }
  SUBCASE("number") {
    FinishedJobs jobs({.jobs_max = 2});
    for (const char* name : {"a", "b", "c"}) jobs.add(job(name), start);
    REQUIRE(jobs.all().size() == 2);
    CHECK(jobs.all()[0]->facts->name == "b");
  }
  SUBCASE("memory") {
    FinishedJobs jobs({.bytes_max = 100'000});
    for (int i = 0; i < 100; ++i) jobs.add(job(std::string(10'000, 'x')), start);
    CHECK(jobs.bytes() <= 100'000);
    CHECK(jobs.all().size() >= 4);  // each name is kept twice
    jobs.add(job(std::string(200'000, 'x')), start);
    CHECK(jobs.all().empty());
    CHECK(jobs.bytes() == 0);
  }
}

}  // namespace
}  // namespace weir::jobmanager
