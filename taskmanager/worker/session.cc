#include "taskmanager/worker/session.h"

#include <fmt/format.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <iterator>
#include <utility>

#include "common/base/try.h"
#include "common/gateway/methods.h"
#include "common/rpc/connection.h"
#include "common/rpc/fd_channel.h"
#include "common/rpc/typed_call.h"
#include "proto/task_manager.pb.h"
#include "proto/worker.pb.h"
#include "taskmanager/exchange/data_hello.h"

namespace weir::taskmanager {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::seconds kCallTime{60};  // the peer is on this machine: it answers, or is gone
constexpr std::chrono::milliseconds kFlushTime{500};
constexpr std::chrono::milliseconds kFlushPoll{1};
constexpr std::size_t kLinesMax = 10'000;
constexpr std::uint64_t kNoEpoch = 0;

rpc::Identity task_manager() {
  return {.role = rpc::Role::task_manager, .cluster = {}, .incarnation = {}, .name = "taskmanager"};
}

}  // namespace

WorkerSession::WorkerSession(asio::any_io_executor executor, Clock& clock, UniqueFd calls, UniqueFd descriptors,
                             const MakeTaskRuntime& make_runtime)
    : executor_(executor),
      clock_(clock),
      runtime_(make_runtime(*this)),
      outbox_(executor, clock, *this, "the TaskManager", ReportLimits::for_frames_of(rpc::Limits().payload_bytes_max)),
      has_lines_(executor),
      end_(executor),
      scope_(executor, "worker") {
  serve();
  connection_ =
      std::make_unique<rpc::Connection>(executor, clock_, std::move(calls), task_manager(), methods_, rpc::Limits());
  channel_ = std::make_unique<rpc::FdChannel>(executor, std::move(descriptors));
}

WorkerSession::~WorkerSession() = default;

asio::awaitable<int> WorkerSession::run() {
  scope_.start("connection", run_connection());
  scope_.start("connections", receive_connections());
  scope_.start("task reports", outbox_.run());
  scope_.start("lines", send_lines());
  co_await end_.wait();
  if (!is_lost_) {
    // In this order: what tasks said before the stop reaches the TaskManager even when user code never lets go of its
    // thread.
    co_await flush();
    if (start_begun_) runtime_->stop();
    co_await flush();
  }
  channel_->end();
  connection_->end("the worker ends");
  co_await scope_.close();
  co_return is_lost_ ? kWorkerLostTaskManager : kWorkerStopped;
}

Async<void> WorkerSession::run_connection() {
  auto on_end = [this](const Error&) {
    is_lost_ = !end_.is_set();
    end_.set();
  };
  co_await connection_->run(std::move(on_end));
}

// ---- the TaskManager's calls

void WorkerSession::serve() {
  using rpc::CallContext;
  rpc::register_message_handler<proto::StartWorkerRequest, proto::StartWorkerReply>(
      methods_, Method::start_worker, "start_worker", rpc::kChanges,
      [this](const CallContext&, proto::StartWorkerRequest request) { return on_start(std::move(request)); });
  rpc::register_message_handler<proto::DeployTasksRequest, proto::DeployTasksReply>(
      methods_, Method::deploy_tasks, "deploy_tasks", rpc::kChanges,
      [this](const CallContext&, proto::DeployTasksRequest request) { return on_deploy(std::move(request)); });
  rpc::register_message_handler<proto::CancelTasksRequest, proto::CancelTasksReply>(
      methods_, Method::worker_cancel_tasks, "cancel_tasks", rpc::kChanges,
      [this](const CallContext&, proto::CancelTasksRequest request) { return on_cancel(std::move(request)); });
  rpc::register_message_handler<proto::CollectCountersRequest, proto::CollectCountersReply>(
      methods_, Method::collect_counters, "collect_counters", rpc::kChanges,
      [this](const CallContext&, proto::CollectCountersRequest request) {
    return on_collect_counters(std::move(request));
      });
  rpc::register_message_handler<proto::StopWorkerRequest, proto::StopWorkerReply>(
      methods_, Method::stop_worker, "stop_worker", rpc::kChanges,
      [this](const CallContext&, proto::StopWorkerRequest request) { return on_stop(std::move(request)); });
}

Result<void> WorkerSession::check_started() const {
  if (started_) return {};
  return Error::internal("the worker was not started");
}

Async<proto::StartWorkerReply> WorkerSession::on_start(proto::StartWorkerRequest request) {
  if (std::exchange(start_begun_, true)) co_return Error::internal("the worker was started already");
  CO_TRY_VOID(runtime_->start(request));
  started_ = true;
  co_return proto::StartWorkerReply();
}

Async<proto::DeployTasksReply> WorkerSession::on_deploy(proto::DeployTasksRequest request) {
  CO_TRY_VOID(check_started());
  CO_TRY_VOID(runtime_->deploy(request));
  co_return proto::DeployTasksReply();
}

Async<proto::CancelTasksReply> WorkerSession::on_cancel(proto::CancelTasksRequest request) {
  CO_TRY_VOID(check_started());
  runtime_->cancel(std::vector<std::string>(request.executions().begin(), request.executions().end()));
  co_return proto::CancelTasksReply();
}

Async<proto::CollectCountersReply> WorkerSession::on_collect_counters(proto::CollectCountersRequest) {
  CO_TRY_VOID(check_started());
  proto::CollectCountersReply reply;
  runtime_->collect_counters(reply);
  co_return reply;
}

Async<proto::StopWorkerReply> WorkerSession::on_stop(proto::StopWorkerRequest) {
  end_.set();
  co_return proto::StopWorkerReply();
}

Async<void> WorkerSession::receive_connections() {
  for (;;) {
    auto message = co_await channel_->receive();
    if (!message.ok() && message.error().code == ErrorCode::unavailable) co_return;
    if (!message.ok() || !message->fd.valid()) continue;
    const auto hello = decode_data_hello(message->text);
    if (!hello.ok() || !started_) continue;  // the TaskManager has checked it; a socket for nobody is closed
    runtime_->accept_connection(std::move(message->fd), hello->slot);
  }
}

// ---- what goes back

void WorkerSession::on_task_status(proto::TaskReport report) {
  // All reports are of the one job that this worker has.
  asio::post(executor_, [this, report = std::move(report)]() mutable { outbox_.push(JobId(), std::move(report)); });
}

void WorkerSession::log(log::Level level, std::string_view text) {
  if (lines_waiting_.fetch_add(1, std::memory_order_relaxed) >= kLinesMax) {
    lines_waiting_.fetch_sub(1, std::memory_order_relaxed);
    lines_dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  asio::post(executor_, [this, line = Line{level, std::string(text)}]() mutable {
    lines_.push_back(std::move(line));
    has_lines_.set();
  });
}

Async<void> WorkerSession::wait_until_reachable() { co_return; }

Async<Result<void>> WorkerSession::send(const ReportBatch& batch) {
  proto::WorkerStatusRequest request;
  request.mutable_reports()->Assign(batch.reports.begin(), batch.reports.end());
  const auto reply = co_await rpc::call_message<proto::WorkerStatusReply>(*connection_, Method::worker_status, request,
                                                                          clock_.now() + kCallTime, kNoEpoch);
  co_return reply.ok() ? Result<void>() : Result<void>(reply.error());
}

Async<void> WorkerSession::send_lines() {
  for (;;) {
    while (lines_.empty()) {
      has_lines_.reset();
      co_await has_lines_.wait();
    }
    proto::WorkerLogRequest request;
    request.set_level(static_cast<int>(lines_.front().level));
    request.set_text(std::move(lines_.front().text));
    lines_.pop_front();
    if (const auto dropped = lines_dropped_.exchange(0); dropped > 0) {
      request.set_text(
          fmt::format("({} lines were lost: more was logged than could be written) {}", dropped, request.text()));
    }
    sending_line_ = true;
    const auto reply = co_await rpc::call_message<proto::WorkerLogReply>(*connection_, Method::worker_log, request,
                                                                         clock_.now() + kCallTime, kNoEpoch);
    sending_line_ = false;
    lines_waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (reply.ok()) continue;
    if (!connection_->is_open()) co_return;
    lines_dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Lets what was said so far be sent, for a bounded time.
Async<void> WorkerSession::flush() {
  const SteadyTime deadline = clock_.now() + kFlushTime;
  do {
    co_await clock_.sleep_for(kFlushPoll);
  } while ((!outbox_.is_empty() || !lines_.empty() || sending_line_) && clock_.now() < deadline);
}

}  // namespace weir::taskmanager
