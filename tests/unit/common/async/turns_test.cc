#include "common/async/turns.h"

#include <doctest/doctest.h>

#include <string>

#include "common/async/task_scope.h"
#include "tests/support/run_coroutine.h"

using namespace weir;

namespace {

struct Room {
  explicit Room(ControlThread& control, int places)
      : turns(control.executor(), places), go(control.executor()), scope(control.executor(), "room") {}

  Async<void> visit(int number) {
    co_await turns.take();
    const Turns::Given given(turns);
    inside += std::to_string(number);
    co_await go.wait();
  }

  Turns turns;
  Event go;
  TaskScope scope;
  std::string inside;
};

}  // namespace

TEST_CASE("turns: as many as there are places are in at once, and the others come in as places are given back") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Room room(control, 2);
    for (int number = 1; number <= 4; ++number) room.scope.start("visit", room.visit(number));
    co_await testing::let_others_run();
    CHECK(room.inside == "12");
    CHECK(room.turns.free() == 0);
    room.go.set();
    co_await testing::let_others_run();
    CHECK(room.inside.size() == 4);
    CHECK(room.turns.free() == 2);
    co_await room.scope.close();
  });
}

TEST_CASE("turns: who is cancelled, inside or on the way in, leaves its place behind") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Room room(control, 1);
    room.scope.start("visit", room.visit(1));
    room.scope.start("visit", room.visit(2));
    co_await testing::let_others_run();
    co_await room.scope.close();
    CHECK(room.turns.free() == 1);
  });
}
