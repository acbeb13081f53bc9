#include "taskmanager/jobs/slot_table.h"

#include <doctest/doctest.h>

#include <vector>

using namespace weir;
using namespace weir::taskmanager;

TEST_CASE("slot_table: slots are claimed all or none") {
  SlotTable table(3);
  const JobId a = JobId::random();
  const JobId b = JobId::random();
  CHECK(table.claim(a, std::vector<std::uint32_t>{0, 0, 1}).ok());
  CHECK(table.count_of(a) == 2);
  const auto taken = table.claim(b, std::vector<std::uint32_t>{2, 1});
  CHECK(taken.error().code == ErrorCode::failed_precondition);
  CHECK(taken.error().message.find("slot 1, job " + a.to_hex()) != std::string::npos);
  CHECK(table.owner_of(2).is_none());
  const auto missing = table.claim(b, std::vector<std::uint32_t>{2, 3});
  CHECK(missing.error().code == ErrorCode::invalid_argument);
  CHECK(table.free_count() == 1);
}

TEST_CASE("slot_table: a job may claim its own slots again, and frees all at once") {
  SlotTable table(3);
  const JobId a = JobId::random();
  CHECK(table.claim(a, std::vector<std::uint32_t>{0}).ok());
  CHECK(table.claim(a, std::vector<std::uint32_t>{0, 2}).ok());
  CHECK(table.release_all(a) == 2);
  CHECK(table.release_all(a) == 0);
  CHECK(table.free_count() == 3);
}
