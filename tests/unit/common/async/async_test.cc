#include <doctest/doctest.h>

#include <optional>
#include <thread>
#include <vector>

#include "common/async/deadline.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/sim_clock.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::let_others_run;
using testing::run_coroutine;
using testing::SimClock;

/// Counts its own construction and destruction.
struct Alive {
  explicit Alive(int& counter) : count(counter) { ++count; }
  ~Alive() { --count; }
  int& count;
};

Async<void> wait_for_ever(Event& event, int& alive) {
  const Alive here(alive);
  while (true) {
    co_await event.wait();
    event.reset();
  }
}

Async<void> sleep_then_note(Clock& clock, std::chrono::milliseconds duration, std::vector<int>& notes, int note) {
  co_await clock.sleep_for(duration);
  notes.push_back(note);
}

Async<int> sleep_then_answer(Clock& clock, std::chrono::milliseconds duration, int answer) {
  co_await clock.sleep_for(duration);
  co_return answer;
}

Async<int> fail_at_once() { co_return Error::external(ErrorCode::not_found, "nothing there"); }

Async<void> note_that_it_began(bool& began) {
  began = true;
  co_return;
}

TEST_CASE("scope: what is started begins after the caller has suspended, also on the control thread") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    TaskScope scope(control.executor(), "test");
    bool began = false;
    scope.start("work", note_that_it_began(began));
    CHECK(!began);
    co_await testing::let_others_run();
    CHECK(began);
    co_await scope.close();
  });
}

TEST_CASE("scope: close cancels what waits and returns when it is gone") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Event event(control.executor());
    int alive = 0;
    TaskScope scope(control.executor(), "a test");
    scope.start("one", wait_for_ever(event, alive));
    scope.start("two", wait_for_ever(event, alive));
    co_await let_others_run();
    CHECK(alive == 2);
    CHECK(scope.names() == std::vector<std::string>{"one", "two"});
    co_await scope.close();
    CHECK(alive == 0);
    CHECK(scope.size() == 0);
  });
}

TEST_CASE("scope: work started after close is dropped unrun") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Event event(control.executor());
    int alive = 0;
    TaskScope scope(control.executor(), "a test");
    co_await scope.close();
    scope.start("late", wait_for_ever(event, alive));
    co_await let_others_run();
    CHECK(alive == 0);
    CHECK(scope.size() == 0);
  });
}

TEST_CASE("scope: cancelling one leaves the others") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Event event(control.executor());
    int alive = 0;
    TaskScope scope(control.executor(), "a test");
    const auto ticket = scope.start("one", wait_for_ever(event, alive));
    scope.start("two", wait_for_ever(event, alive));
    co_await let_others_run();
    scope.cancel(ticket);
    scope.cancel(ticket);
    co_await let_others_run();
    CHECK(scope.names() == std::vector<std::string>{"two"});
    scope.cancel(ticket);
    co_await scope.close();
  });
}

TEST_CASE("scope: a coroutine cancelled before it began never runs") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Event event(control.executor());
    int alive = 0;
    TaskScope scope(control.executor(), "a test");
    scope.start("one", wait_for_ever(event, alive));
    co_await scope.close();
    CHECK(alive == 0);
  });
}

TEST_CASE("event: set lets everybody pass, and those who come later, until reset") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Event event(control.executor());
    event.set();
    co_await event.wait();
    event.reset();
    int alive = 0;
    TaskScope scope(control.executor(), "a test");
    scope.start("waits", wait_for_ever(event, alive));
    co_await let_others_run();
    CHECK(alive == 1);
    event.set();
    co_await let_others_run();
    CHECK_FALSE(event.is_set());
    co_await scope.close();
  });
}

TEST_CASE("sim_clock: sleepers wake in order of their time, and only when time passes") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock clock;
    std::vector<int> notes;
    TaskScope scope(control.executor(), "a test");
    scope.start("late", sleep_then_note(clock, 20ms, notes, 2));
    scope.start("early", sleep_then_note(clock, 10ms, notes, 1));
    scope.start("never", sleep_then_note(clock, 1h, notes, 3));
    co_await let_others_run();
    CHECK(notes.empty());
    clock.advance(15ms);
    co_await let_others_run();
    CHECK(notes == std::vector<int>{1});
    clock.advance(5ms);
    co_await let_others_run();
    CHECK(notes == std::vector<int>{1, 2});
    co_await scope.close();
    CHECK(clock.sleepers() == 0);
  });
}

TEST_CASE("with_deadline: an answer in time is passed on") {
  run_coroutine([](ControlThread&) -> Async<void> {
    SystemClock clock;
    auto work = sleep_then_answer(clock, 1ms, 7);
    auto bounded = with_deadline(clock, clock.now() + 20s, "seven", std::move(work));
    const auto answer = co_await std::move(bounded);
    CHECK(answer.value_or(0) == 7);
  });
}

TEST_CASE("with_deadline: an error in time is passed on as it is") {
  run_coroutine([](ControlThread&) -> Async<void> {
    SystemClock clock;
    auto bounded = with_deadline(clock, clock.now() + 20s, "nothing", fail_at_once());
    const auto answer = co_await std::move(bounded);
    CHECK(answer.error().code == ErrorCode::not_found);
  });
}

Async<void> note_outcome(Clock& clock, std::optional<ErrorCode>& outcome) {
  auto work = sleep_then_answer(clock, 1h, 7);
  auto bounded = with_deadline(clock, clock.now() + 10ms, "seven", std::move(work));
  const auto answer = co_await std::move(bounded);
  outcome = answer.ok() ? ErrorCode::unknown : answer.error().code;
}

TEST_CASE("with_deadline: late work is cancelled and gone when the error comes") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock clock;
    std::optional<ErrorCode> outcome;
    TaskScope scope(control.executor(), "a test");
    scope.start("waits", note_outcome(clock, outcome));
    co_await let_others_run();
    CHECK(clock.sleepers() == 2);
    clock.advance(10ms);
    co_await let_others_run();
    CHECK(outcome == ErrorCode::deadline_exceeded);
    CHECK(clock.sleepers() == 0);
    co_await scope.close();
  });
}

TEST_CASE("with_deadline: cancelled from outside, both sides end") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    SimClock clock;
    std::optional<ErrorCode> outcome;
    TaskScope scope(control.executor(), "a test");
    const auto ticket = scope.start("waits", note_outcome(clock, outcome));
    co_await let_others_run();
    scope.cancel(ticket);
    co_await let_others_run();
    CHECK_FALSE(outcome.has_value());
    CHECK(clock.sleepers() == 0);
    CHECK(scope.size() == 0);
    co_await scope.close();
  });
}

TEST_CASE("run_blocking: runs elsewhere and comes back to the control thread with the value") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    BlockingPool pool(2);
    const auto here = std::this_thread::get_id();
    auto ask = [] { return std::this_thread::get_id(); };
    const auto there = co_await run_blocking(pool, ask);
    CHECK(there != here);
    CHECK(std::this_thread::get_id() == here);
    CHECK(control.is_current());
    auto move_only = [] { return std::make_unique<int>(3); };
    const auto three = co_await run_blocking(pool, move_only);
    CHECK(*three == 3);
    int calls = 0;
    auto nothing = [&calls] { ++calls; };
    co_await run_blocking(pool, nothing);
    CHECK(calls == 1);
  });
}

TEST_CASE(
    "run_blocking: what the call throws is an error of ours where it returns a Result, and is thrown on elsewhere") {
  run_coroutine([](ControlThread&) -> Async<void> {
    BlockingPool pool(1);
    auto with_result = []() -> Result<int> { throw std::runtime_error("no such directory"); };
    const auto number = co_await run_blocking(pool, with_result);
    REQUIRE_FALSE(number.ok());
    CHECK(number.error().code == ErrorCode::internal);
    CHECK(number.error().message == "an unexpected exception: no such directory");
    auto with_void_result = []() -> Result<void> { throw 42; };
    const auto nothing = co_await run_blocking(pool, with_void_result);
    REQUIRE_FALSE(nothing.ok());
    CHECK(nothing.error().message == "an unexpected exception");
    int caught = 0;
    try {
      auto plain = []() -> int { throw std::runtime_error("plain"); };
      (void)co_await run_blocking(pool, plain);
    } catch (const std::runtime_error&) {
      ++caught;
    }
    try {
      auto empty = [] { throw std::runtime_error("empty"); };
      co_await run_blocking(pool, empty);
    } catch (const std::runtime_error&) {
      ++caught;
    }
    CHECK(caught == 2);
  });
}

Async<void> block_and_note(BlockingPool& pool, std::atomic<bool>& may_end, bool& unwound) {
  struct Note {
    bool& flag;
    ~Note() { flag = true; }
  };
  const Note note{unwound};
  auto wait = [&may_end] { may_end.wait(false); };
  co_await run_blocking(pool, wait);
  co_await unwind_if_cancelled();
  FAIL_CHECK("a cancelled coroutine went on");
}

TEST_CASE("run_blocking: a cancelled caller waits for the end of its call, then unwinds") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    BlockingPool pool(1);
    std::atomic<bool> may_end = false;
    bool unwound = false;
    TaskScope scope(control.executor(), "a test");
    const auto ticket = scope.start("blocks", block_and_note(pool, may_end, unwound));
    co_await let_others_run();
    scope.cancel(ticket);
    co_await let_others_run();
    CHECK_FALSE(unwound);
    may_end = true;
    may_end.notify_all();
    co_await scope.wait_until_empty();
    CHECK(unwound);
    co_await scope.close();
  });
}

TEST_CASE("control_thread: a thread of its own runs until stop and is known as the control thread") {
  ControlThread control("a control thread");
  control.check_control_thread();
  std::atomic<int> answer = 0;
  control.start();
  asio::post(control.executor(), [&] {
    control.check_control_thread();
    answer = control.is_current() ? 1 : 2;
    answer.notify_all();
  });
  answer.wait(0);
  CHECK(answer == 1);
  CHECK_FALSE(control.is_current());
  control.stop();
}

}  // namespace
}  // namespace weir
