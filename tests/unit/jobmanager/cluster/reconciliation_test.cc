#include "jobmanager/cluster/reconciliation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/support/seed.h"

namespace weir::jobmanager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Set = std::set<JobExecution>;

constexpr seconds kGrace{5};
const SteadyTime kStart{std::chrono::hours(1)};

JobExecution task(char job, char execution) {
  return {JobId::from_bytes(std::string(16, job)).value(), ExecutionId::from_bytes(std::string(16, execution)).value()};
}

TEST_CASE("reconciliation: what lasts is settled, each kind by itself") {
  const JobExecution a = task('j', 'a');
  const JobExecution b = task('j', 'b');
  const JobExecution c = task('k', 'c');
  struct Case {
    const char* what;
    Belief believed;
    Set reported;
    Differences settled;
  };
  const std::vector<Case> cases{
      {"nothing on either side", {}, {}, {}},
      {"both the same", {{a, b}, {}}, {a, b}, {}},
      {"a task that the TaskManager does not have", {{a, b}, {}}, {a}, {{b}, {}}},
      {"no task at all: the worker is gone", {{a, b}, {}}, {}, {{a, b}, {}}},
      {"a task that nobody knows", {{a}, {}}, {a, c}, {{}, {c}}},
      {"the same execution of another job", {{a}, {}}, {task('k', 'a')}, {{a}, {task('k', 'a')}}},
      {"a deployment under way that has arrived", {{}, {a}}, {a}, {}},
      {"a deployment under way that has not", {{}, {a}}, {}, {}},
      {"running and deployed again", {{a}, {a}}, {}, {}},
      {"both kinds at once", {{a}, {b}}, {b, c}, {{a}, {c}}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Reconciliation reconciliation(kGrace);
    CHECK(reconciliation.compare(each.believed, each.reported, kStart) == Differences());
    CHECK(reconciliation.compare(each.believed, each.reported, kStart + kGrace - milliseconds(1)) == Differences());
    CHECK(reconciliation.compare(each.believed, each.reported, kStart + kGrace) == each.settled);
    // Until it is gone.
    CHECK(reconciliation.compare(each.believed, each.reported, kStart + 2 * kGrace) == each.settled);
  }
}

TEST_CASE("reconciliation: a difference that was away in between begins anew") {
  const JobExecution a = task('j', 'a');
  const Belief believed{{a}, {}};
  Reconciliation reconciliation(kGrace);
  CHECK(reconciliation.compare(believed, {}, kStart) == Differences());
  CHECK(reconciliation.compare(believed, {a}, kStart + seconds(4)) == Differences());
  CHECK(reconciliation.compare(believed, {}, kStart + seconds(8)) == Differences());
  CHECK(reconciliation.compare(believed, {}, kStart + seconds(12)) == Differences());
  CHECK(reconciliation.compare(believed, {}, kStart + seconds(13)) == Differences{{a}, {}});
}

TEST_CASE("reconciliation: a status that overtakes a heartbeat, or a heartbeat a status, settles nothing") {
  const JobExecution a = task('j', 'a');
  Reconciliation reconciliation(kGrace);
  // FINISHED has arrived, and a heartbeat that was measured before it comes after it.
  CHECK(reconciliation.compare({}, {a}, kStart) == Differences());
  CHECK(reconciliation.compare({}, {}, kStart + seconds(1)) == Differences());
  // A heartbeat knows of the end, the status comes later.
  CHECK(reconciliation.compare({{a}, {}}, {}, kStart + seconds(2)) == Differences());
  CHECK(reconciliation.compare({}, {}, kStart + seconds(3)) == Differences());
  CHECK(reconciliation.compare({}, {}, kStart + seconds(60)) == Differences());
}

TEST_CASE("reconciliation: at random, exactly what has differed without a break for the grace is returned") {
  const unsigned seed = test::seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Reconciliation reconciliation(kGrace);
    std::map<JobExecution, SteadyTime> missing_since;
    std::map<JobExecution, SteadyTime> strange_since;
    SteadyTime now = kStart;
    for (int beat = 0; beat < 50; ++beat) {
      now += milliseconds(random() % 2'000);
      Belief believed;
      Set reported;
      for (char execution = 'a'; execution < 'g'; ++execution) {
        const JobExecution one = task(static_cast<char>('j' + execution % 2), execution);
        if (random() % 4 != 0) believed.running.insert(one);
        if (random() % 8 == 0) believed.unsure.insert(one);
        if (random() % 4 != 0) reported.insert(one);
      }
      Differences expected;
      for (char execution = 'a'; execution < 'g'; ++execution) {
        const JobExecution one = task(static_cast<char>('j' + execution % 2), execution);
        const bool is_unsure = believed.unsure.contains(one);
        const bool is_missing = believed.running.contains(one) && !reported.contains(one) && !is_unsure;
        const bool is_strange = !believed.running.contains(one) && reported.contains(one) && !is_unsure;
        if (!is_missing) missing_since.erase(one);
        if (!is_strange) strange_since.erase(one);
        if (is_missing && now - missing_since.try_emplace(one, now).first->second >= kGrace)
          expected.missing.push_back(one);
        if (is_strange && now - strange_since.try_emplace(one, now).first->second >= kGrace)
          expected.strangers.push_back(one);
      }
      std::ranges::sort(expected.missing);
      std::ranges::sort(expected.strangers);
      CHECK(reconciliation.compare(believed, reported, now) == expected);
    }
  }
}

}  // namespace
}  // namespace weir::jobmanager
