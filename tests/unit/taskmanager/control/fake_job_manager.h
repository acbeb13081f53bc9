// A JobManager and blob server that a test plays: remembers what TaskManagers say, answers as told.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/base/sockets.h"
#include "common/gateway/job_manager_gateway.h"
#include "common/gateway/rpc_binding.h"
#include "common/gateway/task_manager_gateway.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "common/storage/blob_key.h"
#include "proto/job_manager.pb.h"
#include "proto/task_manager.pb.h"

namespace weir::taskmanager {

/// Of the cluster that the tests' daemons belong to.
inline constexpr std::string_view kTestSecret = "0123456789abcdef0123456789abcdef";
inline const rpc::ClusterSecret& test_secret() {
  static const rpc::ClusterSecret secret = rpc::ClusterSecret::from_text(kTestSecret).value();
  return secret;
}

class FakeJobManager final : public JobManagerGateway, public BlobGateway {
 public:
  explicit FakeJobManager(ControlThread& control, std::uint16_t port = 0)
      : control_(control), changed_(control.executor()) {
    serve_job_manager(methods_, *this);
    serve_blobs(methods_, *this);
    const PortRange range{.first = port, .last = port};
    auto socket = listen_on("127.0.0.1", std::span(&range, 1), "test");
    this->port = socket->port;
    server_ = std::make_unique<rpc::Server>(node(), methods_, rpc::ServerEvents());
    server_->start(std::move(*socket));
  }
  Async<void> close() {
    for (auto& client : clients_) co_await client->close();
    co_await server_->close();
  }

  // What TaskManagers say
  Async<proto::RegisterReply> register_task_manager(proto::RegisterRequest request, SteadyTime) override {
    registrations.push_back(std::move(request));
    changed_.set();
    proto::RegisterReply reply;
    reply.set_incarnation(incarnation.to_bytes());
    reply.set_leader_epoch(epoch_.current());
    reply.set_heartbeat_interval_ms(20);
    reply.set_heartbeat_timeout_ms(heartbeat_timeout_ms);
    for (const auto& worker : end_workers) *reply.add_end_workers() = worker;
    if (refusal) co_return *refusal;
    co_return reply;
  }
  Async<proto::HeartbeatReply> heartbeat(proto::HeartbeatRequest request, SteadyTime) override {
    heartbeats.push_back(std::move(request));
    changed_.set();
    while (is_hanging) co_await clock_.sleep_for(std::chrono::milliseconds(5));
    proto::HeartbeatReply reply;
    reply.set_known(std::exchange(next_known, true));
    co_return reply;
  }
  Async<proto::TaskStatusReply> task_status(proto::TaskStatusRequest request, SteadyTime) override {
    if (statuses_to_lose > 0) {
      --statuses_to_lose;
      changed_.set();
      co_return Error::external(ErrorCode::unavailable, "lost");
    }
    status_jobs.insert(request.job());
    for (auto& report : *request.mutable_reports()) statuses.push_back(std::move(report));
    changed_.set();
    co_return proto::TaskStatusReply();
  }
  Async<proto::BlobReadReply> read_blob(proto::BlobReadRequest request, SteadyTime) override {
    const auto found = blobs.find(request.key());
    if (found == blobs.end()) co_return Error::external(ErrorCode::not_found, "no such blob");
    proto::BlobReadReply reply;
    reply.set_content(found->second.substr(request.offset(), request.bytes_max()));
    reply.set_blob_bytes(found->second.size());
    co_return reply;
  }

  /// Waits until `condition` holds; the case's own time limit is the deadline.
  template <class Condition>
  Async<void> until(Condition condition) {
    while (!condition()) {
      changed_.reset();
      co_await changed_.wait();
    }
  }
  /// The first report of that status; waits for one.
  Async<proto::TaskReport> wait_for(proto::TaskStatus status) {
    for (;;) {
      for (const auto& report : statuses) {
        if (report.status() == status) co_return report;
      }
      changed_.reset();
      co_await changed_.wait();
    }
  }
  /// The way to the TaskManager that registered last.
  Async<Result<std::shared_ptr<TaskManagerGateway>>> task_manager() {
    const auto& who = registrations.back();
    rpc::Address address{.host = who.host(), .port = static_cast<std::uint16_t>(who.rpc_port())};
    clients_.push_back(std::make_unique<rpc::Client>(node(), address, no_methods_, rpc::ClientEvents()));
    clients_.back()->start();
    auto waiting = clients_.back()->wait_connected(clock_.now() + std::chrono::seconds(10));
    const auto connected = co_await std::move(waiting);
    if (!connected.ok()) co_return connected.error();
    co_return std::shared_ptr<TaskManagerGateway>(make_rpc_task_manager_gateway(*clients_.back(), epoch_));
  }
  std::string add_blob(const std::string& content) {
    const std::string key = blob_key_of(content).to_hex();
    blobs[key] = content;
    return key;
  }

  std::uint16_t port = 0;
  Incarnation incarnation = Incarnation::random();
  void lead_in(std::uint64_t epoch) { epoch_.set(epoch); }

  std::uint32_t heartbeat_timeout_ms = 2000;
  std::vector<proto::JobWorker> end_workers;
  std::optional<Error> refusal;
  bool next_known = true;
  bool is_hanging = false;
  int statuses_to_lose = 0;
  std::map<std::string, std::string> blobs;
  std::vector<proto::RegisterRequest> registrations;
  std::vector<proto::HeartbeatRequest> heartbeats;
  std::vector<proto::TaskReport> statuses;
  std::set<std::string> status_jobs;  ///< whom statuses were about

 private:
  rpc::Node node() {
    return {control_.executor(),
            clock_,
            {.role = rpc::Role::job_manager, .cluster = {}, .incarnation = incarnation, .name = "jobmanager"},
            rpc::Limits(),
            test_secret()};
  }

  ControlThread& control_;
  SystemClock clock_;
  Event changed_;
  rpc::MethodTable methods_;
  rpc::MethodTable no_methods_;
  PlainLeaderEpoch epoch_{1};
  std::unique_ptr<rpc::Server> server_;
  std::vector<std::unique_ptr<rpc::Client>> clients_;
};

}  // namespace weir::taskmanager
