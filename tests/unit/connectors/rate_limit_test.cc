#include "weir/connectors/rate_limit.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "weir/connectors/files.h"
#include "weir/connectors/generator.h"

using namespace weir::connectors;

namespace {

/// Records taken until `until_ms` by a reader that takes all it may and sleeps until the time that it is told.
std::size_t taken(RateLimit& rate, std::int64_t& now_ms, std::int64_t until_ms, std::size_t most) {
  std::size_t taken = 0;
  while (now_ms < until_ms) {
    const std::size_t room = rate.room(now_ms, most);
    REQUIRE(room <= most);
    rate.take(room);
    taken += room;
    if (room != 0) continue;
    REQUIRE(rate.next_ms() > now_ms);
    now_ms = rate.next_ms();
  }
  return taken;
}

}  // namespace

TEST_CASE("rate limit: no rate is no limit") {
  RateLimit rate(RateLimit::kNone);
  rate.start(17, 3);
  for (int i = 0; i < 100; ++i) {
    CHECK(rate.room(17, 1024) == 1024);
    rate.take(1024);
  }
}

TEST_CASE("rate limit: rates from one in a hundred seconds to millions a second, shared by subtasks") {
  for (const double per_second : {0.01, 0.3, 1.0, 7.0, 100.0, 999.0, 12345.0, 3e6}) {
    for (const std::uint32_t subtasks : {1u, 3u}) {
      RateLimit rate(per_second);
      std::int64_t now_ms = 5'000;
      rate.start(now_ms, subtasks);
      const double share = per_second / subtasks;
      const std::int64_t span_ms = share < 1 ? 1'000'000 : 10'000;
      const double expected = share * static_cast<double>(span_ms) / 1000;
      const auto count = static_cast<double>(taken(rate, now_ms, now_ms + span_ms, 1024));
      CAPTURE(per_second);
      CAPTURE(subtasks);
      CHECK(count >= expected - 1 - share / 1000);
      CHECK(count <= expected + 1 + share / 1000);
    }
  }
}

TEST_CASE("rate limit: a reader that had nothing to read catches up on one second, not on the whole time") {
  RateLimit rate(500);
  std::int64_t now_ms = 0;
  rate.start(now_ms, 1);
  now_ms = 3'600'000;
  CHECK(rate.room(now_ms, 10'000) == 500);
}

TEST_CASE("rate limit: a clock that goes back gives nothing and takes nothing") {
  RateLimit rate(1000);
  rate.start(10'000, 1);
  rate.take(rate.room(10'000, 1024));
  CHECK(rate.room(5'000, 1024) == 0);
  CHECK(rate.next_ms() == 10'001);
  CHECK(rate.room(10'001, 1024) == 1);
}

TEST_CASE("rate limit: a rate of nearly nothing waits and does not overflow") {
  RateLimit rate(std::numeric_limits<double>::denorm_min());
  rate.start(1'000, 1);
  CHECK(rate.room(1'000, 1024) == 1);
  rate.take(1);
  CHECK(rate.room(1'000'000, 1024) == 0);
  CHECK(rate.next_ms() > 1'000'000'000);
}

TEST_CASE("rate limit: what is no rate is refused while the job is built") {
  for (const double rate : {0.0, -0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity()}) {
    CHECK_FALSE(check_max_rate(rate).ok());
    CHECK_THROWS_WITH(FileSource<std::string>("/a", raw_format()).max_rate(rate),
                      doctest::Contains("file source of /a: the max-rate must be a positive number"));
  }
  const auto make = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  CHECK_THROWS_WITH(generate<std::int64_t>(make, {.records_per_second = -5}),
                    doctest::Contains("generator: the max-rate must be a positive number"));
}
