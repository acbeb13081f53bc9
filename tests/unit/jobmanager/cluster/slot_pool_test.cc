#include "jobmanager/cluster/slot_pool.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

TaskManagerId tm(const char* name) { return *TaskManagerId::from_string(name); }

TEST_CASE("slot_pool: a leased slot is nobody else's until its job releases it or its TaskManager goes") {
  SlotPool pool;
  pool.add(tm("a"), 2);
  pool.add(tm("b"), 1);
  CHECK(pool.total() == 3);
  CHECK(pool.available() == 3);

  const JobId one = JobId::random(), two = JobId::random();
  pool.lease(one, {tm("a"), 1});
  pool.lease(one, {tm("b"), 0});
  pool.lease(two, {tm("a"), 0});
  CHECK(pool.available() == 0);
  CHECK(pool.holds(one, tm("a")));
  CHECK(!pool.holds(two, tm("b")));
  CHECK(pool.task_managers_of(one) == std::vector<TaskManagerId>{tm("a"), tm("b")});
  CHECK(pool.slots_of(two, tm("a")) == std::vector<SlotAddress>{{tm("a"), 0}});
  CHECK(pool.slots_of(two, tm("b")).empty());
  CHECK(pool.holders(tm("a")) == std::vector<std::optional<JobId>>{two, one});

  pool.release(one, {tm("a"), 0});  // not its own
  CHECK(pool.available() == 0);
  pool.release(one, {tm("a"), 1});
  CHECK(pool.available() == 1);
  CHECK(pool.free()[0].free == std::vector<std::uint32_t>{1});
  CHECK(pool.holds(one, tm("b")));
  pool.remove(tm("b"));
  CHECK(!pool.holds(one, tm("b")));
  CHECK(pool.total() == 2);
}

TEST_CASE("slot_pool: what it does not know is ignored where it may have gone meanwhile") {
  SlotPool pool;
  pool.remove(tm("a"));
  pool.release(JobId::random(), {tm("a"), 0});
  CHECK(pool.holders(tm("a")).empty());
  CHECK(pool.free().empty());
}

}  // namespace
}  // namespace weir::jobmanager
