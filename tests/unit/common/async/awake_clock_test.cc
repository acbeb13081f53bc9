#include "common/async/awake_clock.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "common/async/deadline.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/seed.h"
#include "tests/support/sim_clock.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::let_others_run;
using testing::SimClock;

constexpr std::chrono::milliseconds kAllowance{200};

/// Lets time pass as a thread lives it that runs all the time.
Async<void> live(SimClock& machine, std::chrono::milliseconds time) {
  for (auto left = time; left > 0ms; left -= 10ms) {
    machine.advance(10ms);
    co_await let_others_run();
  }
}

Async<void> sleep_then_set(Clock& clock, SteadyTime time, bool& woken) {
  co_await clock.sleep_until(time);
  woken = true;
}

Async<int> answer_that_waits(bool& is_there) {
  while (!is_there) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  co_return 1;
}

TEST_CASE("awake clock: it goes with the machine's clock while its thread runs") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    clock.start();
    co_await let_others_run();
    const SteadyTime began = clock.now();
    co_await live(machine, 5s);
    CHECK(clock.now() - began == 5s);
    CHECK(clock.stalled() == 0s);
    co_await clock.stop();
  });
}

TEST_CASE("awake clock: of a pause it lives through no more than its allowance") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    clock.start();
    co_await let_others_run();
    const SteadyTime began = clock.now();
    machine.advance(60s);
    CHECK(clock.now() - began <= kAllowance);  // also before its own tick has run
    co_await let_others_run();
    CHECK(clock.now() - began == kAllowance);
    CHECK(clock.stalled() == 60s - kAllowance);
    co_await live(machine, 1s);
    CHECK(clock.now() - began == kAllowance + 1s);
    co_await clock.stop();
  });
}

TEST_CASE("awake clock: a sleeper wakes after the time it asked for, the pause not counted") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    TaskScope scope(control.executor(), "test");
    clock.start();
    co_await let_others_run();
    bool woken = false;
    scope.start("sleeper", sleep_then_set(clock, clock.now() + 5s, woken));
    co_await let_others_run();
    machine.advance(60s);
    co_await let_others_run();
    CHECK(!woken);
    co_await live(machine, 4'700ms);
    CHECK(!woken);
    co_await live(machine, 200ms);
    CHECK(woken);
    co_await scope.close();
    co_await clock.stop();
  });
}

TEST_CASE("awake clock: a deadline that a pause would have passed leaves time to read what has come") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    clock.start();
    co_await let_others_run();
    bool is_there = false;
    const SteadyTime deadline = clock.now() + 5s;
    machine.advance(60s);
    auto work = with_deadline(clock, deadline, "the reply", answer_that_waits(is_there));
    is_there = true;
    const auto result = co_await std::move(work);
    CHECK(result.ok());
    co_await clock.stop();
  });
}

TEST_CASE("awake clock: it never goes back, and loses exactly the pauses") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    const std::uint64_t seed = test::seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    clock.start();
    co_await let_others_run();
    const SteadyTime machine_began = machine.now();
    const SteadyTime began = clock.now();
    SteadyTime last = began;
    for (int step = 0; step < 2'000; ++step) {
      machine.advance(std::chrono::milliseconds(random() % 10 == 0 ? random() % 3'000 : random() % 60));
      if (random() % 4 != 0) co_await let_others_run();
      CHECK(clock.now() >= last);
      last = clock.now();
    }
    co_await let_others_run();
    CHECK(clock.now() - began == machine.now() - machine_began - clock.stalled());
    co_await clock.stop();
  });
}

TEST_CASE("awake clock: after its stop it follows the machine, so that an end in order can time out") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock machine;
    AwakeClock clock(control.executor(), machine, kAllowance);
    clock.start();
    co_await let_others_run();
    co_await clock.stop();
    const SteadyTime stopped = clock.now();
    machine.advance(60s);
    CHECK(clock.now() - stopped == 60s);
  });
}

}  // namespace
}  // namespace weir
