// Two ends of RPC connections over real sockets, for the tests of this folder.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "common/async/event.h"
#include "common/async/task_scope.h"
#include "common/base/sockets.h"
#include "common/rpc/client.h"
#include "common/rpc/connection.h"
#include "common/rpc/node.h"
#include "common/rpc/server.h"
#include "tests/support/run_coroutine.h"

namespace weir::rpc {

enum class TestMethod : std::uint16_t { echo = 1, fail = 2, wait = 3, wait_and_change = 4, large = 6 };

inline SteadyTime in_time() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
inline SteadyTime in_ms(int count) { return std::chrono::steady_clock::now() + std::chrono::milliseconds(count); }

inline Identity identity(std::string name, Role role = Role::task_manager) {
  Identity self;
  self.role = role;
  self.incarnation = Incarnation::random();
  self.name = std::move(name);
  return self;
}

/// Of the cluster that the tests' processes belong to.
inline const ClusterSecret& test_secret() {
  static const ClusterSecret secret = ClusterSecret::random();
  return secret;
}

inline Node node(ControlThread& control, Identity self, const Limits& limits,
                 const ClusterSecret& secret = test_secret()) {
  static SystemClock clock;
  return {control.executor(), clock, std::move(self), limits, secret};
}

/// The verbs that the tests call, and what happened to them.
class TestVerbs {
 public:
  explicit TestVerbs(asio::any_io_executor executor)
      : table({Role::job_manager, Role::task_manager, Role::tool}, fence), go(executor), waiting(executor) {
    table.add(TestMethod::echo, "echo", kChanges,
              [this](CallContext context, std::string payload) { return echo(context, std::move(payload)); });
    table.add(TestMethod::fail, "fail", kChanges, [](CallContext, std::string) { return fail(); });
    table.add(TestMethod::wait, "wait", kWaits, [this](CallContext, std::string) { return wait(waits_ended); });
    table.add(TestMethod::wait_and_change, "wait and change", kChanges,
              [this](CallContext, std::string) { return wait(changes_ended); });
    table.add(TestMethod::large, "large", kChanges,
              [](CallContext, std::string payload) { return answer_of_size(std::stoul(payload)); });
  }

  OrderFence fence;
  MethodTable table;
  Event go;             ///< lets `wait` and `wait_and_change` answer
  Event waiting;        ///< set when one of them runs
  int waits_ended = 0;  ///< coroutines of `wait` that are gone, answered or cancelled
  int changes_ended = 0;
  int answered = 0;  ///< how many of both came to their end
  std::string last_peer;
  std::chrono::milliseconds last_remaining{};

 private:
  struct CountAtEnd {
    int& count;
    ~CountAtEnd() { ++count; }
  };

  Async<std::string> echo(CallContext context, std::string payload) {
    last_peer = context.peer->name;
    last_remaining =
        std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline - std::chrono::steady_clock::now());
    co_return payload;
  }
  static Async<std::string> fail() { co_return Error::user(ErrorCode::already_exists, "the job exists: 7f3a\xff"); }
  Async<std::string> wait(int& ended) {
    const CountAtEnd at_end{ended};
    waiting.set();
    co_await go.wait();
    ++answered;
    co_return "waited";
  }
  static Async<std::string> answer_of_size(std::size_t size) { co_return std::string(size, 'x'); }
};

/// Runs a connection as its owner would.
inline Async<void> run_connection(Connection& connection, std::vector<Error>& ends) {
  auto ended = [&ends](const Error& reason) { ends.push_back(reason); };
  std::function<void(const Error&)> on_end = ended;
  auto run = connection.run(std::move(on_end));
  co_await std::move(run);
}

/// Two connected ends over a socket pair.
class ConnectedPair {
 public:
  ConnectedPair(asio::any_io_executor executor, const MethodTable& left_serves, const MethodTable& right_serves,
                const Limits& limits)
      : sockets_(stream_socket_pair().value()),
        left(executor, clock_, std::move(sockets_.first), identity("right"), left_serves, limits),
        right(executor, clock_, std::move(sockets_.second), identity("left"), right_serves, limits),
        scope(executor, "a pair") {
    scope.start("left", run_connection(left, left_ends));
    scope.start("right", run_connection(right, right_ends));
  }

 private:
  SystemClock clock_;
  std::pair<UniqueFd, UniqueFd> sockets_;

 public:
  Connection left;
  Connection right;
  std::vector<Error> left_ends;
  std::vector<Error> right_ends;
  TaskScope scope;
};

inline ListenSocket listen_on_loopback() {
  const std::array any{PortRange{0, 0}};
  return listen_on("127.0.0.1", any, "port").value();
}
inline ListenSocket listen_on_loopback(std::uint16_t port) {
  const std::array same{PortRange{port, port}};
  return listen_on("127.0.0.1", same, "port").value();
}

/// Waits until `condition()` holds; false when it does not within 20 s.
template <class Condition>
asio::awaitable<bool> eventually(Condition condition) {
  SystemClock clock;
  const SteadyTime deadline = in_time();
  while (!condition()) {
    if (clock.now() >= deadline) co_return false;
    co_await clock.sleep_for(std::chrono::milliseconds(1));
  }
  co_return true;
}

}  // namespace weir::rpc
