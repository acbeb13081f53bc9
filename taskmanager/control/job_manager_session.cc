#include "taskmanager/control/job_manager_session.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <utility>

#include "common/base/try.h"
#include "common/gateway/job_manager_gateway.h"
#include "common/observe/log.h"
#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::milliseconds kRetryPauseMin{20};
constexpr std::chrono::milliseconds kRetryPauseMax{2000};
constexpr std::chrono::seconds kComplaintInterval{30};

std::vector<JobId> jobs_of(const std::vector<plan::JobWorker>& workers) {
  std::vector<JobId> jobs;
  for (const plan::JobWorker& worker : workers) jobs.push_back(worker.job);
  return jobs;
}

std::chrono::milliseconds bounded(std::uint32_t ms, std::chrono::milliseconds otherwise) {
  if (ms == 0) return otherwise;
  return std::clamp(std::chrono::milliseconds(ms), std::chrono::milliseconds(10), std::chrono::milliseconds(3'600'000));
}

}  // namespace

JobManagerSession::JobManagerSession(const rpc::Node& node, SessionSettings settings, const rpc::MethodTable& methods,
                                     rpc::LeaderFence& fence, SessionEvents events)
    : clock_(node.clock),
      self_(node.self),
      settings_(std::move(settings)),
      fence_(fence),
      events_(std::move(events)),
      client_(node, settings_.job_manager, methods,
              rpc::ClientEvents{.connected = [this](const rpc::Identity& peer) { fence_.follow(peer.incarnation); },
                                .kept = [](const rpc::Identity&) {},
                                .lost = [this](const rpc::Identity&, const Error& reason) { on_lost(reason); },
                                .dial_failed = [this](const Error& reason,
                                                      std::uint64_t failures) { on_dial_failed(reason, failures); },
                                .later_epoch = {}}),
      gateway_(make_rpc_job_manager_gateway(client_, epoch_)),
      outbox_(node.executor, node.clock, *this, "the JobManager",
              ReportLimits::for_frames_of(node.limits.payload_bytes_max)),
      registered_(node.executor),
      lost_(node.executor),
      scope_(node.executor, "JobManager session") {}

JobManagerSession::~JobManagerSession() = default;

SteadyTime JobManagerSession::in(std::chrono::nanoseconds duration) const {
  // Time-outs may be as long as the type allows; the sum must not go round.
  const auto room = SteadyTime::max() - clock_.now();
  return clock_.now() + std::min<SteadyTime::duration>(duration, room);
}

void JobManagerSession::start() {
  client_.start();
  scope_.start("session", run());
  scope_.start("task reports", outbox_.run());
}

Async<void> JobManagerSession::close() {
  co_await scope_.close();
  co_await client_.close();
}

// ---- registration

Async<void> JobManagerSession::run() {
  for (;;) {
    const SteadyTime deadline = in(settings_.registration_timeout);
    auto pause = kRetryPauseMin;
    for (;;) {
      auto result = co_await client_.wait_connected(deadline);
      const bool reached = result.ok();
      if (reached) result = co_await register_once();
      if (result.ok()) break;
      complain(result.error());
      if (reached && result.error().code == ErrorCode::already_exists) {
        events_.gave_up(result.error());  // another process is this TaskManager now: our tasks are over
        co_return;
      }
      if (clock_.now() >= deadline || !reached) {
        events_.gave_up(result.error().within("no JobManager took it within taskmanager.registration.timeout"));
        co_return;
      }
      co_await clock_.sleep_for(pause);
      pause = std::min(pause * 2, kRetryPauseMax);
    }
    co_await heartbeat_until_lost();
  }
}

Async<Result<void>> JobManagerSession::register_once() {
  lost_.reset();
  proto::RegisterRequest request;
  events_.describe(request);
  CO_TRY(const auto reply, co_await gateway_->register_task_manager(std::move(request), in(settings_.call_timeout)));
  CO_TRY_VOID(fence_.learn(reply.leader_epoch()));
  heartbeat_interval_ = bounded(reply.heartbeat_interval_ms(), heartbeat_interval_);
  heartbeat_timeout_ = bounded(reply.heartbeat_timeout_ms(), heartbeat_timeout_);
  std::vector<plan::JobWorker> unknown;
  for (const auto& message : reply.end_workers()) {
    if (const auto worker = plan::decode_job_worker(message); worker.ok()) unknown.push_back(*worker);
  }
  LOG_INFO("registered at the JobManager {}{}", settings_.job_manager.to_string(),
           unknown.empty() ? "" : ", which does not know all of our jobs: those are ended");
  outbox_.forget(jobs_of(unknown));
  if (!unknown.empty()) events_.end_workers(unknown);
  has_complained_ = false;
  registered_.set();
  co_return Result<void>();
}

Async<void> JobManagerSession::heartbeat_until_lost() {
  bool known = true;
  while (known && !lost_.is_set()) {
    auto lost = lost_.wait();
    auto pause = clock_.sleep_for(heartbeat_interval_);
    auto race = std::move(lost) || std::move(pause);
    co_await std::move(race);
    if (lost_.is_set()) break;
    const auto answer = co_await heartbeat_once();
    known = answer.value_or(true);
  }
  registered_.reset();
}

// True while the JobManager knows us, or may: a connection that is gone for now is the client's business.
Async<bool> JobManagerSession::heartbeat_once() {
  proto::HeartbeatRequest request;
  events_.measure(request);
  list_tasks(request);
  const auto reply = co_await gateway_->heartbeat(std::move(request), in(heartbeat_timeout_));
  if (reply.ok()) {
    if (!reply->known()) LOG_WARN("the JobManager does not know this TaskManager any more: registering again");
    end_strangers(*reply);
    co_return reply->known();
  }
  if (reply.error().code == ErrorCode::deadline_exceeded) {
    LOG_WARN("the JobManager has not answered a heartbeat for {} ms: the connection is given up",
             heartbeat_timeout_.count());
    client_.drop_connection("no answer to a heartbeat");
    co_return false;
  }
  if (reply.error().code == ErrorCode::unavailable || reply.error().code == ErrorCode::cancelled) co_return true;
  LOG_WARN("the JobManager does not take a heartbeat: {}; registering again", reply.error().message);
  co_return false;
}

void JobManagerSession::list_tasks(proto::HeartbeatRequest& request) const {
  request.set_reports_wait(!outbox_.is_empty());
  const auto all = events_.live_executions();
  for (const auto& [job, executions] : all) {
    if (executions.empty()) continue;
    auto& entry = *request.add_tasks();
    entry.set_job(job.to_bytes());
    for (const ExecutionId& id : executions) entry.mutable_executions()->append(id.to_bytes());
  }
}

void JobManagerSession::end_strangers(const proto::HeartbeatReply& reply) {
  constexpr std::size_t kIdBytes = sizeof(ExecutionId::Bytes);
  for (const auto& entry : reply.end_tasks()) {
    const auto job = JobId::from_bytes(entry.job());
    if (!job.ok()) continue;
    std::vector<ExecutionId> executions;
    for (std::size_t at = 0; at + kIdBytes <= entry.executions().size(); at += kIdBytes)
      executions.push_back(ExecutionId::from_bytes(std::string_view(entry.executions()).substr(at, kIdBytes)).value());
    LOG_WARN("job {}: {} tasks are not the JobManager's any more: they end", *job, executions.size());
    events_.end_tasks(*job, executions);
  }
}

void JobManagerSession::on_lost(const Error& reason) {
  if (registered_.is_set())
    LOG_WARN("the JobManager {} is lost, its jobs go on: {}", settings_.job_manager.to_string(), reason.message);
  registered_.reset();
  lost_.set();
}

void JobManagerSession::on_dial_failed(const Error& reason, std::uint64_t) { complain(reason); }

// Said at once, then now and then: the reason may change.
void JobManagerSession::complain(const Error& reason) {
  if (has_complained_ && clock_.now() - last_complaint_ < kComplaintInterval) return;
  has_complained_ = true;
  last_complaint_ = clock_.now();
  LOG_WARN("no JobManager at {} yet, still trying: {}", settings_.job_manager.to_string(), reason.message);
}

// ---- task reports

void JobManagerSession::on_task_status(const JobId& job, proto::TaskReport report) {
  outbox_.push(job, std::move(report));
}

Async<void> JobManagerSession::wait_until_reachable() { return registered_.wait(); }

Async<Result<void>> JobManagerSession::send(const ReportBatch& batch) {
  proto::TaskStatusRequest request;
  request.set_task_manager_id(self_.name);
  request.set_incarnation(self_.incarnation.to_bytes());
  request.set_job(batch.job.to_bytes());
  request.mutable_reports()->Assign(batch.reports.begin(), batch.reports.end());
  auto call = gateway_->task_status(std::move(request), in(settings_.call_timeout));
  const auto reply = co_await std::move(call);
  co_return reply.ok() ? Result<void>() : Result<void>(reply.error());
}

}  // namespace weir::taskmanager
