#include "common/rpc/host_names.h"

#include <doctest/doctest.h>

#include "common/async/deadline.h"
#include "tests/unit/common/rpc/loopback.h"

namespace weir::rpc {
namespace {

using namespace std::chrono_literals;
using testing::run_coroutine;

TEST_CASE("host_names: addresses need no lookup, names are looked up, and each keeps its port") {
  run_coroutine([](ControlThread&) -> Async<void> {
    SystemClock clock;
    HostNames names(clock);
    const auto four = co_await names.resolve("127.0.0.1", 1);
    CHECK(four.ok());
    CHECK(four.value_or({}).size() == 1);
    CHECK(four.value_or({}).front().port() == 1);
    const auto six = co_await names.resolve("::1", 2);
    CHECK(six.ok());
    CHECK(six.value_or({}).front().address().is_v6());
    const auto named = co_await names.resolve("localhost", 3);
    CHECK(named.ok());
    for (const auto& endpoint : named.value_or({})) {
      CHECK(endpoint.address().is_loopback());
      CHECK(endpoint.port() == 3);
    }
    CHECK(names.abandoned() == 0);
  });
}

TEST_CASE("host_names: a name that nobody has is named in the error") {
  run_coroutine([](ControlThread&) -> Async<void> {
    SystemClock clock;
    HostNames names(clock);
    const auto unknown = co_await names.resolve("no.such.host.invalid", 1);
    CHECK(unknown.error().code == ErrorCode::not_found);
    CHECK(unknown.error().message.find("cannot resolve the host name \"no.such.host.invalid\"") != std::string::npos);
  });
}

TEST_CASE("host_names: whoever waits no longer goes at once, and what was abandoned is forgotten when it has ended") {
  run_coroutine([](ControlThread&) -> Async<void> {
    SystemClock clock;
    HostNames names(clock);
    for (int count = 0; count < 20; ++count) {
      auto lookup = names.resolve("localhost", 1);
      auto bounded = with_deadline(clock, clock.now(), "the name", std::move(lookup));
      (void)co_await std::move(bounded);
    }
    const auto settled = [&names] { return names.abandoned() == 0; };
    for (int tries = 0; tries < 1'000 && !settled(); ++tries) (void)co_await names.resolve("localhost", 1);
    CHECK(settled());
  });
}

}  // namespace
}  // namespace weir::rpc
