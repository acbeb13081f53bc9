#include "taskmanager/worker/session.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "common/base/sockets.h"
#include "common/gateway/methods.h"
#include "common/rpc/connection.h"
#include "common/rpc/typed_call.h"
#include "proto/task_manager.pb.h"
#include "proto/worker.pb.h"
#include "tests/support/run_coroutine.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::run_coroutine;

namespace {

/// An engine that runs nothing.
struct IdleRuntime final : TaskRuntime {
  Result<void> start(const proto::StartWorkerRequest&) override { return {}; }
  Result<void> deploy(const proto::DeployTasksRequest&) override { return {}; }
  void cancel(const std::vector<std::string>&) override {}
  void accept_connection(UniqueFd, std::uint32_t) override {}
  void collect_counters(proto::CollectCountersReply&) override {}
  void stop() override {}
};

/// The TaskManager's end: refuses the first calls, takes the later ones.
struct Peer {
  explicit Peer(asio::any_io_executor executor) : changed(std::move(executor)) {
    rpc::register_message_handler<proto::WorkerStatusRequest, proto::WorkerStatusReply>(
        methods, Method::worker_status, "worker_status", rpc::kChanges,
        [this](const rpc::CallContext&, proto::WorkerStatusRequest request) { return on_status(std::move(request)); });
    rpc::register_message_handler<proto::WorkerLogRequest, proto::WorkerLogReply>(
        methods, Method::worker_log, "worker_log", rpc::kChanges,
        [this](const rpc::CallContext&, proto::WorkerLogRequest request) { return on_log(std::move(request)); });
  }
  Async<proto::WorkerStatusReply> on_status(proto::WorkerStatusRequest request) {
    if (refusals-- > 0) co_return Error::external(ErrorCode::resource_exhausted, "too many calls at once");
    for (const auto& report : request.reports()) states.push_back(report.status());
    changed.set();
    co_return proto::WorkerStatusReply();
  }
  Async<proto::WorkerLogReply> on_log(proto::WorkerLogRequest request) {
    if (refusals-- > 0) co_return Error::external(ErrorCode::resource_exhausted, "too many calls at once");
    lines.push_back(request.text());
    changed.set();
    co_return proto::WorkerLogReply();
  }

  rpc::MethodTable methods;
  int refusals = 0;
  std::vector<int> states;
  std::vector<std::string> lines;
  Event changed;
};

Async<void> serve(rpc::Connection& connection) {
  auto nothing = std::function<void(const Error&)>();
  co_await connection.run(std::move(nothing));
}

Async<void> run_to_end(WorkerSession& worker, int& code) { code = co_await worker.run(); }

proto::TaskReport report_of(proto::TaskStatus status) {
  proto::TaskReport report;
  report.set_status(status);
  return report;
}

/// A worker and its TaskManager's end, each in a coroutine.
struct Pair {
  explicit Pair(ControlThread& control) : peer(control.executor()), scope(control.executor(), "a test") {
    auto calls = stream_socket_pair();
    auto descriptors = packet_socket_pair();
    REQUIRE(calls.ok());
    REQUIRE(descriptors.ok());
    const rpc::Identity name{.role = rpc::Role::worker, .cluster = {}, .incarnation = {}, .name = "worker"};
    connection = std::make_unique<rpc::Connection>(control.executor(), clock, std::move(calls->first), name,
                                                   peer.methods, rpc::Limits());
    descriptor_end = std::move(descriptors->first);
    worker = std::make_unique<WorkerSession>(control.executor(), clock, std::move(calls->second),
                                             std::move(descriptors->second),
                                             [](TaskRuntimeEvents&) { return std::make_unique<IdleRuntime>(); });
    scope.start("peer", serve(*connection));
    scope.start("worker", run_to_end(*worker, code));
  }
  Async<void> end() {
    connection->end("the test is over");
    co_await scope.wait_until_empty();
    co_await scope.close();
  }

  SystemClock clock;
  Peer peer;
  std::unique_ptr<rpc::Connection> connection;
  UniqueFd descriptor_end;
  std::unique_ptr<WorkerSession> worker;
  int code = -1;
  TaskScope scope;
};

}  // namespace

TEST_CASE("worker: statuses that the TaskManager could not take are sent again, in order and none twice") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Pair pair(control);
    pair.peer.refusals = 2;
    pair.worker->on_task_status(report_of(proto::INITIALIZING));
    pair.worker->on_task_status(report_of(proto::RUNNING));
    while (pair.peer.states.size() < 2) {
      pair.peer.changed.reset();
      co_await pair.peer.changed.wait();
    }
    pair.worker->on_task_status(report_of(proto::FINISHED));
    while (pair.peer.states.size() < 3) {
      pair.peer.changed.reset();
      co_await pair.peer.changed.wait();
    }
    CHECK(pair.peer.states == std::vector<int>{proto::INITIALIZING, proto::RUNNING, proto::FINISHED});
    co_await pair.end();
    CHECK(pair.code == kWorkerLostTaskManager);
  });
}

TEST_CASE("worker: a line that the TaskManager could not take is lost and counted, and the next ones arrive") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Pair pair(control);
    pair.peer.refusals = 1;
    pair.worker->log(log::Level::info, "first");
    pair.worker->log(log::Level::info, "second");
    while (pair.peer.lines.empty()) {
      pair.peer.changed.reset();
      co_await pair.peer.changed.wait();
    }
    CHECK(pair.peer.lines.front() == "(1 lines were lost: more was logged than could be written) second");
    co_await pair.end();
  });
}
