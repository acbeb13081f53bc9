#include "common/gateway/rpc_binding.h"

#include <doctest/doctest.h>

#include "common/gateway/job_manager_gateway.h"
#include "proto/job_manager.pb.h"
#include "tests/unit/common/rpc/loopback.h"

namespace weir {
namespace {

using namespace rpc;
using testing::run_coroutine;

/// Counts what reaches it.
class CountingJobManager final : public JobManagerGateway {
 public:
  Async<proto::RegisterReply> register_task_manager(proto::RegisterRequest, SteadyTime) override {
    ++calls;
    co_return proto::RegisterReply();
  }
  Async<proto::HeartbeatReply> heartbeat(proto::HeartbeatRequest, SteadyTime) override {
    ++calls;
    co_return proto::HeartbeatReply();
  }
  Async<proto::TaskStatusReply> task_status(proto::TaskStatusRequest, SteadyTime) override {
    ++calls;
    co_return proto::TaskStatusReply();
  }
  int calls = 0;
};

/// Says everything that a TaskManager says, under this name and incarnation. @return how often it was served
Async<int> speak_as(JobManagerGateway& gateway, std::string name, std::string incarnation) {
  int served = 0;
  proto::RegisterRequest registration;
  registration.set_task_manager_id(name);
  registration.set_incarnation(incarnation);
  const auto registered = co_await gateway.register_task_manager(std::move(registration), in_time());
  served += registered.ok() ? 1 : 0;
  proto::HeartbeatRequest sign;
  sign.set_task_manager_id(name);
  sign.set_incarnation(incarnation);
  const auto heard = co_await gateway.heartbeat(std::move(sign), in_time());
  served += heard.ok() ? 1 : 0;
  proto::TaskStatusRequest status;
  status.set_task_manager_id(name);
  status.set_incarnation(incarnation);
  const auto taken = co_await gateway.task_status(std::move(status), in_time());
  served += taken.ok() ? 1 : 0;
  if (served < 3) CHECK(taken.error().code == ErrorCode::permission_denied);
  co_return served;
}

TEST_CASE("rpc_binding: a TaskManager that speaks for another one, or for an earlier self, is refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    CountingJobManager service;
    MethodTable table({Role::task_manager});
    serve_job_manager(table, service);
    const MethodTable nothing;
    ConnectedPair pair(control.executor(), nothing, table, Limits());
    const PlainLeaderEpoch epoch(0);
    const auto gateway = make_rpc_job_manager_gateway(pair.left, epoch);
    const std::string name = pair.right.peer().name;
    const std::string incarnation = pair.right.peer().incarnation.to_bytes();
    const auto honest = co_await speak_as(*gateway, name, incarnation);
    CHECK(honest.value_or(0) == 3);
    CHECK(service.calls == 3);
    const auto other = co_await speak_as(*gateway, "another", incarnation);
    CHECK(other.value_or(-1) == 0);
    const auto earlier = co_await speak_as(*gateway, name, std::string(16, 'e'));
    CHECK(earlier.value_or(-1) == 0);
    const auto nobody = co_await speak_as(*gateway, "", "");
    CHECK(nobody.value_or(-1) == 0);
    CHECK(service.calls == 3);
    co_await pair.scope.close();
  });
}

}  // namespace
}  // namespace weir
