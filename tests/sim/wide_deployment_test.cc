#include <doctest/doctest.h>

#include "common/observe/log.h"
#include "tests/sim/wide_cluster.h"

namespace weir::sim {
namespace {

TEST_CASE("wide deployment: 1,000 x 1,000 all-to-all is one message per TaskManager and below 16 MB in all") {
  log::set_level(log::Level::off);
  const WideDeployment wide = deploy_wide(1'000, 10);
  CHECK(wide.tasks == 2'000);
  CHECK(wide.messages == 100);
  CHECK(wide.bytes < 16'000'000);
  CHECK(wide.is_running);
  CHECK(wide.is_canceled);
}

TEST_CASE("wide deployment: twice as wide, on as many TaskManagers, is twice as many bytes") {
  log::set_level(log::Level::off);
  const WideDeployment narrow = deploy_wide(1'000, 10), wide = deploy_wide(2'000, 20);
  CHECK(wide.messages == narrow.messages);
  CHECK(wide.bytes < 2 * narrow.bytes);
  CHECK(wide.largest_bytes < 200'000);
  CHECK(wide.is_running);
  CHECK(wide.is_canceled);
}

}  // namespace
}  // namespace weir::sim
