// Who may call at all: the cluster's secret, roles and leaders, against peers that lie.
#include <doctest/doctest.h>

#include <memory>

#include "common/rpc/dial.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/handshake.h"
#include "common/rpc/leader_fence.h"
#include "proto/rpc.pb.h"
#include "tests/support/sim_clock.h"
#include "tests/unit/common/rpc/loopback.h"

namespace weir::rpc {
namespace {

using namespace std::chrono_literals;
using testing::run_coroutine;

const MethodTable kNothing;

std::string handshake_of(const Identity& who, const std::string& nonce) {
  proto::Handshake message;
  message.set_protocol_version(kProtocolVersion);
  message.set_role(static_cast<std::uint32_t>(who.role));
  message.set_incarnation(who.incarnation.to_bytes());
  message.set_name(who.name);
  message.set_nonce(nonce);
  return message.SerializeAsString();
}

/// One end of a socket pair on which a test speaks frame by frame.
class Liar {
 public:
  Liar(ControlThread& control, UniqueFd fd) : stream_(control.executor(), std::move(fd), kHandshakeBytesMax, 5s) {}
  Async<Result<void>> say(FrameKind kind, std::string payload) {
    FrameHeader header;
    header.kind = kind;
    std::deque<OutgoingFrame> queue;
    queue.emplace_back(header, std::move(payload));
    std::size_t bytes = queue.front().size();
    co_return co_await stream_.write_all(queue, bytes);
  }
  Async<Frame> hear() { return stream_.read(); }
  void end() { stream_.end(); }

 private:
  FrameStream stream_;
};

/// What one side of a handshake made of its peer.
struct Verdict {
  Result<Identity> peer = Error::internal("not yet");
  bool is_there = false;
};

Async<void> note(Async<Identity> work, Verdict& verdict) {
  verdict.peer = co_await std::move(work);
  verdict.is_there = true;
}

/// An honest side over one end of a socket pair, and whatever speaks at the other.
struct Meeting {
  explicit Meeting(ControlThread& control)
      : sockets(stream_socket_pair().value()),
        scope(control.executor(), "a meeting"),
        honest(control.executor(), std::move(sockets.first), kHandshakeBytesMax, 5s) {}
  std::pair<UniqueFd, UniqueFd> sockets;
  TaskScope scope;
  FrameStream honest;
  Verdict verdict;
  Async<void> end() {
    co_await scope.wait_until_empty();
    co_await scope.close();
  }
};

TEST_CASE("trust: two processes that know one secret accept each other, by role, incarnation and name") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Meeting meeting(control);
    const Node server = node(control, identity("jobmanager", Role::job_manager), Limits());
    const Node client = node(control, identity("tm_1"), Limits());
    FrameStream other(control.executor(), std::move(meeting.sockets.second), kHandshakeBytesMax, 5s);
    meeting.scope.start("welcome", note(welcome(meeting.honest, server, in_time()), meeting.verdict));
    const auto peer = co_await greet(other, client, in_time());
    co_await meeting.end();
    CHECK(peer.ok());
    CHECK(peer.value_or({}).incarnation == server.self.incarnation);
    CHECK(meeting.verdict.peer.ok());
    CHECK(meeting.verdict.peer.value_or({}).name == "tm_1");
    CHECK(meeting.verdict.peer.value_or({}).incarnation == client.self.incarnation);
  });
}

TEST_CASE("trust: processes of two secrets refuse each other, and both say so in one sentence") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Meeting meeting(control);
    const Node server = node(control, identity("jobmanager", Role::job_manager), Limits());
    const Node client = node(control, identity("tm_1"), Limits(), ClusterSecret::random());
    FrameStream other(control.executor(), std::move(meeting.sockets.second), kHandshakeBytesMax, 5s);
    meeting.scope.start("welcome", note(welcome(meeting.honest, server, in_time()), meeting.verdict));
    const auto peer = co_await greet(other, client, in_time());
    co_await meeting.end();
    const std::array<const Result<Identity>*, 2> sides{&peer, &meeting.verdict.peer};
    for (const auto* side : sides) {
      CHECK(!side->ok());
      CHECK(side->error().code == ErrorCode::permission_denied);
      CHECK(side->error().message.find("another cluster secret: that of JobManager jobmanager is not that of "
                                       "TaskManager tm_1") != std::string::npos);
      CHECK(side->error().message.find("security.rpc.secret-file") != std::string::npos);
    }
  });
}

TEST_CASE("trust: a dialler that cannot prove the secret is refused before anything else of it is read") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    enum Trick { guess, nothing, echo, call_at_once, old_proof, close };
    const std::array<Trick, 6> tricks{guess, nothing, echo, call_at_once, old_proof, close};
    for (const Trick trick : tricks) {
      CAPTURE(static_cast<int>(trick));
      Meeting meeting(control);
      const Node server = node(control, identity("jobmanager", Role::job_manager), Limits());
      Liar liar(control, std::move(meeting.sockets.second));
      const SteadyTime deadline = trick == nothing ? in_ms(50) : in_time();
      meeting.scope.start("welcome", note(welcome(meeting.honest, server, deadline), meeting.verdict));
      const std::string hello = handshake_of(identity("tm_1"), std::string(kNonceBytes, 'n'));
      (void)co_await liar.say(FrameKind::handshake, hello);
      const auto theirs = co_await liar.hear();
      const auto proof = co_await liar.hear();
      CHECK(theirs.ok());
      CHECK(proof.ok());
      std::string answer(ClusterSecret::kProofBytes, '0');
      // What the acceptor proved, sent back to it.
      if (trick == echo) answer = proof.value_or({}).payload;
      // A proof that was right for another nonce.
      if (trick == old_proof) {
        const auto old = test_secret().prove("weir rpc 2 dialler", "12:" + hello + "another handshake");
        answer.assign(old.data(), old.size());
      }
      if (trick == close) liar.end();
      if (trick == call_at_once) (void)co_await liar.say(FrameKind::request, "end_job");
      if (trick == guess || trick == echo || trick == old_proof) (void)co_await liar.say(FrameKind::proof, answer);
      co_await meeting.end();
      CHECK(meeting.verdict.is_there);
      CHECK(!meeting.verdict.peer.ok());
      if (trick != guess && trick != echo && trick != old_proof) continue;
      CHECK(meeting.verdict.peer.error().code == ErrorCode::permission_denied);
      const auto told = co_await liar.hear();
      CHECK(told.ok());
      CHECK(told.value_or({}).header.kind == FrameKind::error);
    }
  });
}

TEST_CASE("trust: an acceptor that cannot prove the secret gets no proof of ours") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Meeting meeting(control);
    const Node client = node(control, identity("tm_1"), Limits());
    Liar liar(control, std::move(meeting.sockets.second));
    meeting.scope.start("greet", note(greet(meeting.honest, client, in_time()), meeting.verdict));
    const auto hello = co_await liar.hear();
    CHECK(hello.ok());
    const std::string reply = handshake_of(identity("jobmanager", Role::job_manager), std::string(kNonceBytes, 'n'));
    (void)co_await liar.say(FrameKind::handshake, reply);
    std::string guess(ClusterSecret::kProofBytes, '0');
    (void)co_await liar.say(FrameKind::proof, std::move(guess));
    const auto next = co_await liar.hear();
    co_await meeting.end();
    CHECK(next.ok());
    CHECK(next.value_or({}).header.kind == FrameKind::error);  // and not a proof
    CHECK(meeting.verdict.peer.error().code == ErrorCode::permission_denied);
  });
}

TEST_CASE("trust: before the proof a peer costs no more than a handshake's bytes") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Meeting meeting(control);
    const Node server = node(control, identity("jobmanager", Role::job_manager), Limits());
    Liar liar(control, std::move(meeting.sockets.second));
    meeting.scope.start("welcome", note(welcome(meeting.honest, server, in_time()), meeting.verdict));
    (void)co_await liar.say(FrameKind::handshake, handshake_of(identity("tm_1"), std::string(kNonceBytes, 'n')));
    (void)co_await liar.say(FrameKind::proof, std::string(kHandshakeBytesMax + 1, 'x'));
    co_await meeting.end();
    CHECK(meeting.verdict.peer.error().code == ErrorCode::resource_exhausted);
  });
}

TEST_CASE("trust: a peer of a role that a table does not serve is refused, whatever it calls") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    MethodTable table({Role::job_manager});
    int calls = 0;
    table.add(TestMethod::echo, "echo", kChanges, [&calls](CallContext, std::string payload) -> Async<std::string> {
      ++calls;
      co_return payload;
    });
    // ConnectedPair's left end is a TaskManager to the right one.
    ConnectedPair pair(control.executor(), kNothing, table, Limits());
    const auto refused = co_await pair.left.call(TestMethod::echo, "x", in_time(), 0);
    CHECK(refused.error().code == ErrorCode::permission_denied);
    CHECK(refused.error().message == "a TaskManager may not call echo");
    CHECK(calls == 0);
    co_await pair.scope.close();
  });
}

// ---- leaders

Identity job_manager(char mark) {
  Identity self;
  self.role = Role::job_manager;
  self.incarnation = Incarnation::from_bytes(std::string(16, mark)).value();
  self.name = "jobmanager";
  return self;
}

TEST_CASE("leader fence: a TaskManager admits the JobManager that it follows, in the epoch that it learned or later") {
  LeaderFence fence;
  const Identity a = job_manager('a');
  const Identity b = job_manager('b');
  CHECK(fence.admit(a, 1).error().code == ErrorCode::fenced);  // it follows nobody yet
  fence.follow(a.incarnation);
  CHECK(fence.admit(a, 3).ok());  // before the reply to the registration
  CHECK(fence.learn(3).ok());
  CHECK(fence.epoch() == 3);
  CHECK(fence.admit(a, 3).ok());
  CHECK(fence.admit(a, 2).error().code == ErrorCode::fenced);
  CHECK(fence.admit(b, 3).error().code == ErrorCode::fenced);
  CHECK(fence.admit(b, 4).error().code == ErrorCode::fenced);
  fence.follow(b.incarnation);
  CHECK(fence.learn(4).ok());
  CHECK(fence.admit(a, 3).error().code == ErrorCode::fenced);
  CHECK(fence.admit(a, 4).error().code == ErrorCode::fenced);
  CHECK(fence.admit(b, 4).ok());
}

TEST_CASE("leader fence: no call, with whatever epoch, keeps the followed JobManager out") {
  LeaderFence fence;
  fence.follow(job_manager('a').incarnation);
  REQUIRE(fence.learn(1).ok());
  for (const char caller : {'a', 'b'})
    for (const std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}})
      (void)fence.admit(job_manager(caller), epoch);
  CHECK(fence.epoch() == 1);
  CHECK(fence.admit(job_manager('a'), 1).ok());
}

TEST_CASE("leader fence: a registration at a leader of the past is not taken") {
  LeaderFence fence;
  REQUIRE(fence.learn(5).ok());
  const auto past = fence.learn(4);
  REQUIRE_FALSE(past.ok());
  CHECK(past.error().code == ErrorCode::fenced);
  CHECK(past.error().message.find("leads in epoch 4, and this TaskManager has obeyed epoch 5") != std::string::npos);
  CHECK(fence.epoch() == 5);
  CHECK(fence.learn(5).ok());
}

TEST_CASE("leader claim: a JobManager serves those that obey it or nobody yet, and hears once of each later epoch") {
  std::vector<std::uint64_t> heard;
  LeaderClaim claim(3, [&heard](const Identity&, std::uint64_t epoch) { heard.push_back(epoch); });
  const Identity peer = identity("tm_1");
  CHECK(claim.admit(peer, 0).ok());
  CHECK(claim.admit(peer, 3).ok());
  CHECK_FALSE(claim.is_superseded());
  const auto refused = claim.admit(peer, 7);
  CHECK(refused.error().code == ErrorCode::fenced);
  CHECK(refused.error().message ==
        "this JobManager leads in epoch 3, and TaskManager tm_1 obeys epoch 7: another JobManager leads");
  (void)claim.admit(peer, 7);
  claim.see(peer, 7);
  claim.see(peer, 8);
  CHECK(heard == std::vector<std::uint64_t>{7, 8});
  CHECK(claim.is_superseded());
  CHECK(claim.admit(peer, 3).ok());
}

TEST_CASE("leader claim: a refusal carries the epoch of the receiver, so that a caller of the past hears of its end") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestVerbs verbs(control.executor());
    ConnectedPair pair(control.executor(), kNothing, verbs.table, Limits());
    std::vector<std::uint64_t> later;
    pair.left.on_later_epoch([&later](std::uint64_t epoch) { later.push_back(epoch); });
    const auto present = co_await pair.left.call(TestMethod::echo, "", in_time(), 7);
    CHECK(present.ok());
    CHECK(later.empty());
    const auto past = co_await pair.left.call(TestMethod::echo, "", in_time(), 5);
    CHECK(past.error().code == ErrorCode::fenced);
    CHECK(later == std::vector<std::uint64_t>{7});
    co_await pair.scope.close();
  });
}

// ---- silence

/// Two ends on a clock that the test moves.
struct TimedPair {
  explicit TimedPair(ControlThread& control)
      : sockets(stream_socket_pair().value()),
        verbs(control.executor()),
        left(control.executor(), clock, std::move(sockets.first), identity("right"), kNothing, Limits()),
        scope(control.executor(), "a pair") {
    scope.start("left", run_connection(left, left_ends));
  }
  Async<void> pass(std::chrono::milliseconds time) {
    for (auto passed = 0ms; passed < time; passed += 50ms) {
      clock.advance(50ms);
      co_await testing::let_others_run();
    }
  }
  testing::SimClock clock;
  std::pair<UniqueFd, UniqueFd> sockets;
  TestVerbs verbs;
  Connection left;
  std::vector<Error> left_ends;
  TaskScope scope;
};

TEST_CASE("silence: a peer that takes bytes and never says anything is cut off after the time it may be silent") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TimedPair pair(control);
    pair.left.watch_silence(2'000ms);
    co_await testing::let_others_run();
    co_await pair.pass(1'900ms);
    CHECK(pair.left.is_open());
    co_await pair.pass(700ms);
    CHECK(!pair.left.is_open());
    co_await pair.scope.wait_until_empty();
    CHECK(pair.left_ends.size() == 1);
    CHECK(pair.left_ends.at(0).code == ErrorCode::unavailable);
    CHECK(pair.left_ends.at(0).message.find("has said nothing for") != std::string::npos);
  });
}

TEST_CASE("silence: an idle peer whose control thread runs replies, and the connection stays for ever") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TimedPair pair(control);
    Connection right(control.executor(), pair.clock, std::move(pair.sockets.second), identity("left"), pair.verbs.table,
                     Limits());
    std::vector<Error> right_ends;
    TaskScope scope(control.executor(), "the right end");
    scope.start("right", run_connection(right, right_ends));
    pair.left.watch_silence(2'000ms);
    co_await testing::let_others_run();
    co_await pair.pass(60'000ms);
    CHECK(pair.left.is_open());
    CHECK(right.is_open());
    co_await pair.scope.close();
    co_await scope.wait_until_empty();
    co_await scope.close();
  });
}

TEST_CASE("silence: a handler that takes longer than the silence cuts nothing off") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TimedPair pair(control);
    Connection right(control.executor(), pair.clock, std::move(pair.sockets.second), identity("left"), pair.verbs.table,
                     Limits());
    std::vector<Error> right_ends;
    TaskScope scope(control.executor(), "the right end");
    scope.start("right", run_connection(right, right_ends));
    pair.left.watch_silence(1'000ms);
    std::vector<Result<std::string>> answers;
    auto call = [](Connection& to, SteadyTime deadline, std::vector<Result<std::string>>& into) -> Async<void> {
      auto answer = co_await to.call(TestMethod::wait, "", deadline, 0);
      into.push_back(std::move(answer));
    };
    scope.start("call", call(pair.left, pair.clock.now() + 60s, answers));
    co_await testing::let_others_run();
    co_await pair.pass(10'000ms);
    CHECK(pair.left.is_open());
    pair.verbs.go.set();
    auto answered = [&answers] { return !answers.empty(); };
    CHECK(co_await eventually(answered));
    CHECK(answers.at(0).ok());
    co_await pair.scope.close();
    co_await scope.wait_until_empty();
    co_await scope.close();
  });
}

}  // namespace
}  // namespace weir::rpc
