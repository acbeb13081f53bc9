#include "common/rpc/connection.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/common/rpc/loopback.h"

namespace weir::rpc {
namespace {

using namespace std::chrono_literals;
using testing::let_others_run;
using testing::run_coroutine;

const MethodTable kNothing;

Async<void> call_and_note(Caller& caller, TestMethod method, SteadyTime deadline,
                          std::vector<Result<std::string>>& answers) {
  auto answer = co_await caller.call(method, "note", deadline, 1);
  answers.push_back(std::move(answer));
}

TEST_CASE("connection: both ends call each other over one stream") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs left(control.executor());
    TestVerbs right(control.executor());
    ConnectedPair pair(control.executor(), left.table, right.table, Limits());
    const auto forth = co_await pair.left.call(TestMethod::echo, "forth", in_time(), 1);
    const auto back = co_await pair.right.call(TestMethod::echo, "back", in_time(), 1);
    CHECK(forth.value_or("") == "forth");
    CHECK(back.value_or("") == "back");
    CHECK(right.last_peer == "left");
    CHECK(left.last_peer == "right");
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: an empty and a large payload arrive as they were sent") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const auto nothing = co_await pair.left.call(TestMethod::echo, "", in_time(), 1);
    CHECK((nothing.ok() && nothing.value().empty()));
    std::string large(10'000'000, '\0');
    for (std::size_t index = 0; index < large.size(); ++index)
      large[index] = static_cast<char>(index * 2654435761u >> 13);
    const auto echoed = co_await pair.left.call(TestMethod::echo, large, in_time(), 1);
    CHECK((echoed.ok() && echoed.value() == large));
    CHECK(pair.left.queued_bytes() == 0);
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: the handler's error comes back with code, blame and words, whatever bytes they have") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const auto answer = co_await pair.left.call(TestMethod::fail, "", in_time(), 1);
    CHECK(answer.error().code == ErrorCode::already_exists);
    CHECK(answer.error().blame == Blame::user);
    CHECK(answer.error().message == "the job exists: 7f3a\xff");
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: an unknown method is an error of that call only") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const std::uint16_t nobodys_method = 999;
    const auto unknown = co_await pair.left.call(nobodys_method, "", in_time(), 1);
    CHECK(unknown.error().code == ErrorCode::invalid_argument);
    const auto known = co_await pair.left.call(TestMethod::echo, "still here", in_time(), 1);
    CHECK(known.value_or("") == "still here");
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: a slow call does not hold up the others, and answers come as they are ready") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> slow;
    TaskScope scope(control.executor(), "callers");
    for (int count = 0; count < 100; ++count)
      scope.start("slow call", call_and_note(pair.left, TestMethod::wait, in_time(), slow));
    co_await verbs.waiting.wait();
    const auto quick = co_await pair.left.call(TestMethod::echo, "quick", in_time(), 1);
    CHECK(quick.value_or("") == "quick");
    CHECK(slow.empty());
    CHECK(pair.left.calls_in_flight() == 100);
    verbs.go.set();
    co_await scope.wait_until_empty();
    CHECK(slow.size() == 100);
    for (const auto& answer : slow) CHECK(answer.value_or("") == "waited");
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: the handler learns how long its caller waits") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const SteadyTime deadline = std::chrono::steady_clock::now() + 100s;
    const auto answer = co_await pair.left.call(TestMethod::echo, "", deadline, 1);
    CHECK(answer.ok());
    CHECK(verbs.last_remaining > 50s);
    CHECK(verbs.last_remaining <= 101s);
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: a call that is not answered in time fails, and its handler is cancelled when it only waits") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> late;
    TaskScope scope(control.executor(), "callers");
    scope.start("late in any case", call_and_note(pair.left, TestMethod::wait_and_change, in_time(), late));
    const auto answer = co_await pair.left.call(TestMethod::wait, "", in_ms(30), 1);
    CHECK(answer.error().code == ErrorCode::deadline_exceeded);
    auto cancelled = [&verbs] { return verbs.waits_ended == 1; };
    CHECK(co_await eventually(cancelled));
    CHECK(verbs.answered == 0);
    CHECK(verbs.changes_ended == 0);

    const auto change = co_await pair.left.call(TestMethod::wait_and_change, "", in_ms(5), 1);
    CHECK(change.error().code == ErrorCode::deadline_exceeded);
    verbs.go.set();
    co_await scope.wait_until_empty();
    auto both = [&verbs] { return verbs.changes_ended == 2; };
    CHECK(co_await eventually(both));
    CHECK(verbs.answered == 2);
    const auto after = co_await pair.left.call(TestMethod::echo, "after", in_time(), 1);
    CHECK(after.value_or("") == "after");
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: a deadline that has passed fails at once, and nothing is sent") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const auto answer = co_await pair.left.call(TestMethod::echo, "", in_ms(-1), 1);
    CHECK(answer.error().code == ErrorCode::deadline_exceeded);
    CHECK(pair.left.queued_bytes() == 0);
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: an earlier deadline after a later one is kept") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> late;
    TaskScope scope(control.executor(), "callers");
    scope.start("late", call_and_note(pair.left, TestMethod::wait, in_time(), late));
    co_await verbs.waiting.wait();
    const SteadyTime begin = std::chrono::steady_clock::now();
    const auto answer = co_await pair.left.call(TestMethod::wait, "", in_ms(20), 1);
    CHECK(answer.error().code == ErrorCode::deadline_exceeded);
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: end fails every pending and later call with unavailable, at both ends") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), verbs.table, verbs.table, Limits());
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    for (int count = 0; count < 10; ++count) {
      scope.start("from left", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
      scope.start("from right", call_and_note(pair.right, TestMethod::wait, in_time(), answers));
    }
    co_await verbs.waiting.wait();
    co_await let_others_run();
    pair.left.end("the test wants it");
    pair.left.end("twice");
    co_await scope.wait_until_empty();
    CHECK(answers.size() == 20);
    for (const auto& answer : answers) CHECK(answer.error().code == ErrorCode::unavailable);
    const auto later = co_await pair.left.call(TestMethod::echo, "", in_time(), 1);
    CHECK(later.error().code == ErrorCode::unavailable);
    CHECK(later.error().message.find("the test wants it") != std::string::npos);
    co_await pair.scope.wait_until_empty();
    CHECK(pair.left_ends.size() == 1);
    CHECK(pair.right_ends.size() == 1);
    CHECK(pair.right_ends.at(0).message == "closed by the peer");
    CHECK(verbs.waits_ended == 20);
    CHECK(verbs.answered == 0);
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: a handler that changes something runs to its end although its connection is lost") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    scope.start("changes", call_and_note(pair.left, TestMethod::wait_and_change, in_time(), answers));
    co_await verbs.waiting.wait();
    pair.left.end("cut");
    auto told = [&pair] { return pair.right_ends.size() == 1; };
    CHECK(co_await eventually(told));
    CHECK(verbs.changes_ended == 0);
    CHECK(pair.scope.names() == std::vector<std::string>{"right"});
    verbs.go.set();
    co_await pair.scope.wait_until_empty();
    CHECK(verbs.answered == 1);
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: closing its owner's scope cancels every handler, also after the stream has ended") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    scope.start("changes", call_and_note(pair.left, TestMethod::wait_and_change, in_time(), answers));
    co_await verbs.waiting.wait();
    pair.left.end("cut");
    auto told = [&pair] { return pair.right_ends.size() == 1; };
    CHECK(co_await eventually(told));
    co_await pair.scope.close();
    CHECK(verbs.changes_ended == 1);
    CHECK(verbs.answered == 0);
    co_await scope.close();
  });
}

TEST_CASE("connection: a cancelled caller unwinds and leaves nothing pending") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    scope.start("waits", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    co_await verbs.waiting.wait();
    co_await scope.close();
    CHECK(answers.empty());
    CHECK(pair.left.calls_in_flight() == 0);
    auto cancelled = [&verbs] { return verbs.waits_ended == 1; };
    CHECK(co_await eventually(cancelled));
    const auto after = co_await pair.left.call(TestMethod::echo, "after", in_time(), 1);
    CHECK(after.value_or("") == "after");
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: limits fail the call that goes over them and no other") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    Limits limits;
    limits.payload_bytes_max = 1000;
    limits.calls_in_flight_max = 3;
    ConnectedPair pair(control.executor(), kNothing, verbs.table, limits);
    const auto too_long = co_await pair.left.call(TestMethod::echo, std::string(1001, 'a'), in_time(), 1);
    CHECK(too_long.error().code == ErrorCode::invalid_argument);
    const auto long_answer = co_await pair.left.call(TestMethod::large, "1001", in_time(), 1);
    CHECK(long_answer.error().code == ErrorCode::resource_exhausted);
    const auto just_fits = co_await pair.left.call(TestMethod::large, "1000", in_time(), 1);
    CHECK(just_fits.ok());

    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    for (int count = 0; count < 3; ++count)
      scope.start("waits", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    co_await verbs.waiting.wait();
    const auto one_too_many = co_await pair.left.call(TestMethod::echo, "", in_time(), 1);
    CHECK(one_too_many.error().code == ErrorCode::resource_exhausted);
    verbs.go.set();
    co_await scope.wait_until_empty();
    const auto after = co_await pair.left.call(TestMethod::echo, "after", in_time(), 1);
    CHECK(after.ok());
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: more calls than it answers at once are refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    Limits limits;
    limits.handlers_max = 2;
    ConnectedPair pair(control.executor(), kNothing, verbs.table, limits);
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    for (int count = 0; count < 5; ++count)
      scope.start("waits", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    auto refused = [&answers] { return answers.size() == 3; };
    CHECK(co_await eventually(refused));
    for (const auto& answer : answers) CHECK(answer.error().code == ErrorCode::resource_exhausted);
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: requests with more bytes than it takes at once are refused, and taken again later") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    Limits limits;
    limits.handler_bytes_max = 10;
    ConnectedPair pair(control.executor(), kNothing, verbs.table, limits);
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    scope.start("4 bytes", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    scope.start("4 bytes", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    scope.start("4 bytes", call_and_note(pair.left, TestMethod::wait, in_time(), answers));
    auto refused = [&answers] { return answers.size() == 1; };
    CHECK(co_await eventually(refused));
    CHECK(answers.at(0).error().code == ErrorCode::resource_exhausted);
    verbs.go.set();
    co_await scope.wait_until_empty();
    const auto after = co_await pair.left.call(TestMethod::echo, "ten bytes!", in_time(), 1);
    CHECK(after.ok());
    co_await scope.close();
    co_await pair.scope.close();
  });
}

TEST_CASE("connection: a peer that does not read fills a bounded queue, then calls fail") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    auto sockets = stream_socket_pair().value();
    Limits limits;
    limits.queued_bytes_max = 4'000'000;
    SystemClock clock;
    Connection connection(control.executor(), clock, std::move(sockets.first), identity("deaf"), kNothing, limits);
    std::vector<Error> ends;
    TaskScope scope(control.executor(), "a connection");
    scope.start("run", run_connection(connection, ends));
    std::vector<Result<std::string>> answers;
    TaskScope callers(control.executor(), "callers");
    for (int count = 0; count < 20 && answers.empty(); ++count) {
      callers.start("call", call_and_note(connection, TestMethod::echo, in_time(), answers));
      const auto sent = co_await connection.call(TestMethod::echo, std::string(1'000'000, 'a'), in_ms(5), 1);
      if (sent.error().code == ErrorCode::resource_exhausted) break;
      CHECK(sent.error().code == ErrorCode::deadline_exceeded);
    }
    const auto refused = co_await connection.call(TestMethod::echo, std::string(3'900'000, 'a'), in_ms(5), 1);
    CHECK(refused.error().code == ErrorCode::resource_exhausted);
    CHECK(connection.queued_bytes() <= limits.queued_bytes_max);
    co_await callers.close();
    co_await scope.close();
    CHECK(ends.size() == 1);
  });
}

TEST_CASE("connection: an older leader is refused, a newer one heard from then on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    const auto first = co_await pair.left.call(TestMethod::echo, "", in_time(), 5);
    CHECK(first.ok());
    const auto newer = co_await pair.left.call(TestMethod::echo, "", in_time(), 7);
    CHECK(newer.ok());
    const auto older = co_await pair.left.call(TestMethod::echo, "", in_time(), 5);
    CHECK(older.error().code == ErrorCode::fenced);
    CHECK(verbs.fence.epoch() == 7);
    co_await pair.scope.close();
  });
}

// ---- what a broken or hostile peer sends

std::string frame_bytes(const FrameHeader& header, const std::string& payload) {
  const auto head = encode_frame_header(header, payload);
  return std::string(head.data(), head.size()) + payload;
}

struct HostileCase {
  const char* what;
  std::string bytes;
  ErrorCode code;
};

Async<void> expect_end(ControlThread& control, const HostileCase& hostile) {
  TestVerbs verbs(control.executor());
  auto sockets = stream_socket_pair().value();
  SystemClock clock;
  Connection connection(control.executor(), clock, std::move(sockets.first), identity("hostile"), verbs.table,
                        Limits());
  std::vector<Error> ends;
  TaskScope scope(control.executor(), "a connection");
  scope.start("run", run_connection(connection, ends));
  const auto sent = ::send(sockets.second.get(), hostile.bytes.data(), hostile.bytes.size(), MSG_NOSIGNAL);
  CHECK(sent == static_cast<ssize_t>(hostile.bytes.size()));
  ::shutdown(sockets.second.get(), SHUT_WR);
  co_await scope.wait_until_empty();
  CAPTURE(hostile.what);
  CHECK(ends.size() == 1);
  CHECK(ends.at(0).code == hostile.code);
  co_await scope.close();
}

TEST_CASE("connection: bytes that are no call of ours end it with the reason") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    FrameHeader request;
    request.method = TestMethod::wait;
    request.call_id = 1;
    request.remaining_ms = 1000;
    const std::string good = frame_bytes(request, "payload");
    std::string flipped = good;
    flipped[good.size() - 1] = static_cast<char>(flipped[good.size() - 1] ^ 4);
    std::string too_long = good;
    too_long[7] = 0x7f;
    FrameHeader handshake;
    handshake.kind = FrameKind::handshake;
    FrameHeader answer;
    answer.kind = FrameKind::response;
    answer.call_id = 99;
    FrameHeader cancel;
    cancel.kind = FrameKind::cancel;
    cancel.call_id = 99;
    std::vector<HostileCase> cases;
    cases.push_back({"another protocol", "GET / HTTP/1.1\r\n\r\n", ErrorCode::corrupt});
    cases.push_back({"a flipped bit", flipped, ErrorCode::corrupt});
    cases.push_back({"a length beyond the limit", too_long, ErrorCode::resource_exhausted});
    cases.push_back({"a handshake later", frame_bytes(handshake, ""), ErrorCode::corrupt});
    cases.push_back({"a running call's number again", good + good, ErrorCode::corrupt});
    cases.push_back({"half a frame", good.substr(0, 45), ErrorCode::unavailable});
    cases.push_back({"half a header", good.substr(0, 7), ErrorCode::unavailable});
    cases.push_back({"nothing", "", ErrorCode::unavailable});
    cases.push_back(
        {"answers nobody asked for", frame_bytes(answer, "x") + frame_bytes(cancel, ""), ErrorCode::unavailable});
    for (const auto& hostile : cases) co_await expect_end(control, hostile);
  });
}

}  // namespace
}  // namespace weir::rpc
