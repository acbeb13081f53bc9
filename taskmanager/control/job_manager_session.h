// This TaskManager's membership in the cluster: registration, heartbeats, and the news of its tasks.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "common/gateway/rpc_binding.h"
#include "common/plan/deployment.h"
#include "common/rpc/client.h"
#include "common/rpc/leader_fence.h"
#include "common/rpc/node.h"
#include "taskmanager/jobs/worker_handle.h"
#include "taskmanager/reports/report_outbox.h"

namespace weir {
class JobManagerGateway;
}
namespace weir::proto {
class HeartbeatReply;
class HeartbeatRequest;
class RegisterReply;
class RegisterRequest;
}  // namespace weir::proto

namespace weir::taskmanager {

struct SessionSettings {
  rpc::Address job_manager;
  std::chrono::nanoseconds call_timeout{};          ///< pekko.ask.timeout
  std::chrono::nanoseconds registration_timeout{};  ///< taskmanager.registration.timeout
};

/// What the session asks of, and tells, the rest of the daemon. Called on the control thread; must not close the
/// session.
struct SessionEvents {
  /// Fills in what a registration says: id, addresses, slots, budgets, jobs.
  std::function<void(proto::RegisterRequest&)> describe;
  /// Fills in counters and memory.
  std::function<void(proto::HeartbeatRequest&)> measure;
  /// The executions that are here and not over.
  std::function<std::map<JobId, std::vector<ExecutionId>>()> live_executions;
  /// These are not the JobManager's any more: end them.
  std::function<void(const JobId&, const std::vector<ExecutionId>&)> end_tasks;
  /// These workers have no business here, says the JobManager: end them.
  std::function<void(const std::vector<plan::JobWorker>&)> end_workers;
  /// No JobManager took us for as long as the registration may take, or another process has our id; the session has
  /// given up.
  std::function<void(const Error& reason)> gave_up;
};

/// Dials the JobManager, registers, sends heartbeats, registers again when it was lost or restarted, for ever.
/// Lives on: the control thread. Owned by the daemon; `co_await close()` before destruction.
/// Promise: reports are sent as ReportOutbox promises, unless a JobManager says that it does not know the job.
class JobManagerSession final : public TaskStatusListener, private ReportReceiver {
 public:
  /// @param methods  what the JobManager may call over this connection
  /// @param fence    learns here whom this TaskManager follows, and in which epoch
  JobManagerSession(const rpc::Node& node, SessionSettings settings, const rpc::MethodTable& methods,
                    rpc::LeaderFence& fence, SessionEvents events);
  ~JobManagerSession() override;

  void start();
  Async<void> close();

  void on_task_status(const JobId& job, proto::TaskReport report) override;

  const LeaderEpoch& epoch() const noexcept { return epoch_; }
  bool is_registered() const noexcept { return registered_.is_set(); }
  std::size_t waiting_reports() const { return outbox_.waiting(); }

 private:
  Async<void> run();
  Async<Result<void>> register_once();
  Async<void> heartbeat_until_lost();
  Async<bool> heartbeat_once();
  // ReportReceiver: the JobManager
  Async<void> wait_until_reachable() override;
  Async<Result<void>> send(const ReportBatch& batch) override;
  void list_tasks(proto::HeartbeatRequest& request) const;
  void end_strangers(const proto::HeartbeatReply& reply);
  void on_lost(const Error& reason);
  void on_dial_failed(const Error& reason, std::uint64_t failures);
  void complain(const Error& reason);
  SteadyTime in(std::chrono::nanoseconds duration) const;

  /// What calls carry: the epoch that the fence has learned.
  class SeenEpoch final : public LeaderEpoch {
   public:
    explicit SeenEpoch(const rpc::LeaderFence& fence) : fence_(fence) {}
    std::uint64_t current() const override { return fence_.epoch(); }

   private:
    const rpc::LeaderFence& fence_;
  };

  // Set once
  Clock& clock_;
  const rpc::Identity self_;
  const SessionSettings settings_;
  rpc::LeaderFence& fence_;
  const SeenEpoch epoch_{fence_};
  const SessionEvents events_;
  rpc::Client client_;
  std::unique_ptr<JobManagerGateway> gateway_;
  // Control thread only
  ReportOutbox outbox_;
  std::chrono::milliseconds heartbeat_interval_{1000};
  std::chrono::milliseconds heartbeat_timeout_{5000};
  SteadyTime last_complaint_{};
  bool has_complained_ = false;
  Event registered_;
  Event lost_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
