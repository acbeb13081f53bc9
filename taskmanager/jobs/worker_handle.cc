#include "taskmanager/jobs/worker_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/checksum.h"
#include "common/base/ensure.h"
#include "common/base/try.h"
#include "common/gateway/methods.h"
#include "common/observe/log.h"
#include "common/rpc/error_codec.h"
#include "common/rpc/typed_call.h"
#include "proto/task_manager.pb.h"
#include "proto/worker.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::chrono::seconds kCancelCallTime{10};

std::int64_t now_ms(const Clock& clock) { return clock.wall_now().time_since_epoch().count(); }

std::string digest_of(const proto::JobGraph& graph) {
  const auto digest = xxh3_128(graph.SerializeAsString());
  return std::string(digest.begin(), digest.end());
}

proto::TaskAddress address_of(const Execution& execution) {
  proto::TaskAddress address;
  address.set_vertex(execution.vertex.to_bytes());
  address.set_subtask(execution.task.subtask);
  address.set_attempt(execution.attempt);
  address.set_execution(execution.id.to_bytes());
  return address;
}

Error ended_error(const JobId& job) {
  return Error::external(ErrorCode::failed_precondition, "the job's worker has ended: " + job.to_hex());
}

}  // namespace

Result<std::vector<Execution>> executions_of(const proto::DeployRequest& request) {
  TRY(const plan::TaskTable table, plan::decode_task_table(request.table()));
  std::vector<plan::TaskRange> ranges;
  for (const auto& range : request.tasks()) ranges.push_back(plan::decode_task_range(range));
  TRY(const auto tasks, plan::tasks_of(ranges, table));
  std::vector<Execution> executions;
  for (const plan::TaskIndex& task : tasks) {
    const plan::PlacedTask& placed = table.at(task);
    if (placed.execution.is_none())
      return Error::external(ErrorCode::invalid_argument, "a task without an execution id");
    Execution execution{.id = placed.execution,
                        .task = task,
                        .vertex = {},
                        .attempt = placed.attempt,
                        .slot = placed.slot,
                        .name = fmt::format("task {}", task.subtask + 1)};
    if (task.vertex < static_cast<std::uint32_t>(request.graph().vertices_size())) {
      const auto& vertex = request.graph().vertices(static_cast<int>(task.vertex));
      TRY(execution.vertex, VertexId::from_bytes(vertex.id()));
      execution.name = fmt::format("{} ({}/{})", vertex.name(), task.subtask + 1, vertex.parallelism());
    }
    executions.push_back(std::move(execution));
  }
  return executions;
}

// A call under way that looks at this object again after a wait; end() waits for all of them.
class WorkerHandle::Use {
 public:
  explicit Use(WorkerHandle& worker) : worker_(worker) {
    ++worker_.uses_;
    worker_.unused_.reset();
  }
  ~Use() {
    if (--worker_.uses_ == 0) worker_.unused_.set();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  WorkerHandle& worker_;
};

WorkerHandle::WorkerHandle(const WorkerHandleContext& context, const plan::JobWorker& worker, std::uint64_t number)
    : context_(context),
      worker_(worker),
      link_(context, worker, number, methods_),
      unused_(context.executor),
      end_reported_(context.executor),
      turns_(context.executor, 1),
      cancellation_(context.executor, context.clock, ledger_, *this, worker.job),
      scope_(context.executor, "job " + worker.job.to_hex()) {
  unused_.set();
  serve_worker();
}

WorkerHandle::~WorkerHandle() { ENSURE(uses_ == 0, "a job's worker goes while {} calls use it", uses_); }

// ---- deploying

Async<Result<void>> WorkerHandle::deploy(std::shared_ptr<const proto::DeployRequest> request,
                                         std::vector<Execution> executions, std::uint32_t slot_count,
                                         SteadyTime deadline) {
  const Use use(*this);
  co_await turns_.take();
  const Turns::Given given(turns_);
  CO_TRY_VOID(check_graph(*request));
  slot_count_ = slot_count;
  share_ = context_.slot_memory * slot_count;
  const std::vector<Execution> taken = ledger_.take(executions);
  if (taken.empty()) co_return Result<void>();
  auto deployed = co_await deploy_new(*request, taken, deadline);
  co_return deployed;
}

// The book has the tasks from here on, so that an order to stop finds them; it drops them when they come to nothing.
Async<Result<void>> WorkerHandle::deploy_new(const proto::DeployRequest& request, const std::vector<Execution>& taken,
                                             SteadyTime deadline) {
  auto started = co_await link_.start(request, share_, deadline);
  if (started.ok() && !std::exchange(is_watched_, true)) {
    scope_.start("counters", collect_counters());
    scope_.start("end", report_end());
  }
  if (started.ok() && has_ended()) {
    co_await end_reported_.wait();
    // Reported as lost with the others, unless they came after that.
    if (std::ranges::any_of(taken, [this](const Execution& task) { return ledger_.is_live(task.id); }))
      started = ended_error(worker_.job);
  }
  if (is_ending_) started = ended_error(worker_.job);
  if (!started.ok()) {
    ledger_.forget(taken);
    co_return started;
  }
  for (const Execution& execution : ledger_.cancelled_before_start(taken)) report_canceled(execution);
  std::vector<Execution> tasks;
  std::copy_if(taken.begin(), taken.end(), std::back_inserter(tasks),
               [this](const Execution& execution) { return ledger_.is_live(execution.id); });
  if (tasks.empty()) co_return Result<void>();
  auto handed_over = co_await hand_over(request, tasks, deadline);
  co_return handed_over;
}

Async<Result<void>> WorkerHandle::hand_over(const proto::DeployRequest& request, const std::vector<Execution>& tasks,
                                            SteadyTime deadline) {
  proto::DeployTasksRequest message;
  *message.mutable_generation() = request.generation();
  *message.mutable_table() = request.table();
  // Not the request's own ranges: some of its tasks may be known, or cancelled.
  std::vector<plan::TaskIndex> wanted;
  for (const Execution& execution : tasks) wanted.push_back(execution.task);
  for (const plan::TaskRange& range : plan::ranges_of(std::move(wanted))) {
    auto& out = *message.add_tasks();
    out.set_vertex(range.vertex);
    out.set_first(range.first);
    out.set_last(range.last);
  }
  auto reply = co_await rpc::call_message<proto::DeployTasksReply>(link_.calls(), Method::deploy_tasks, message,
                                                                   deadline, context_.epoch.current());
  if (reply.ok() || reply.error().code == ErrorCode::deadline_exceeded) {
    // Without a reply in time the worker may run them all the same: they stay in the book.
    co_return reply.ok() ? Result<void>() : Result<void>(std::move(reply).error());
  }
  if (reply.error().code == ErrorCode::unavailable) {
    // The worker died. The tasks were taken, and are reported as lost with the reason.
    co_await end_reported_.wait();
    co_return is_ending_ ? Result<void>(ended_error(worker_.job)) : Result<void>();
  }
  ledger_.forget(tasks);
  co_return std::move(reply).error();
}

Result<void> WorkerHandle::check_graph(const proto::DeployRequest& request) {
  const std::string digest = digest_of(request.graph());
  if (graph_digest_.empty()) graph_digest_ = digest;
  if (digest == graph_digest_) return {};
  return {Error::internal(fmt::format("job {}: a deployment of generation {} with another graph than its worker's",
                                      worker_.job, worker_.generation.number))};
}

// ---- what the worker says

void WorkerHandle::serve_worker() {
  rpc::register_message_handler<proto::WorkerStatusRequest, proto::WorkerStatusReply>(
      methods_, Method::worker_status, "worker_status", rpc::kChanges,
      [this](const rpc::CallContext&, proto::WorkerStatusRequest request) {
    return on_worker_status(std::move(request));
      });
  rpc::register_message_handler<proto::WorkerLogRequest, proto::WorkerLogReply>(
      methods_, Method::worker_log, "worker_log", rpc::kChanges,
      [this](const rpc::CallContext&, proto::WorkerLogRequest request) { return on_worker_log(std::move(request)); });
}

Async<proto::WorkerStatusReply> WorkerHandle::on_worker_status(proto::WorkerStatusRequest request) {
  for (auto& report : *request.mutable_reports()) {
    const auto id = ExecutionId::from_bytes(report.address().execution());
    if (!id.ok() || is_ending_) continue;
    const auto execution = ledger_.enter(*id, report.status());
    if (!execution) continue;
    *report.mutable_address() = address_of(*execution);
    context_.listener.on_task_status(worker_.job, std::move(report));
  }
  co_return proto::WorkerStatusReply();
}

Async<proto::WorkerLogReply> WorkerHandle::on_worker_log(proto::WorkerLogRequest request) {
  const int level =
      std::clamp(request.level(), static_cast<int>(log::Level::trace), static_cast<int>(log::Level::error));
  log::write(static_cast<log::Level>(level), fmt::format("job {}: {}", worker_.job, request.text()));
  co_return proto::WorkerLogReply();
}

Async<void> WorkerHandle::collect_counters() {
  const auto interval = std::chrono::duration_cast<SteadyTime::duration>(context_.counters_interval);
  while (!has_ended()) {
    const SteadyTime deadline =
        context_.clock.now() + std::max<SteadyTime::duration>(interval, std::chrono::seconds(1));
    const proto::CollectCountersRequest request;
    auto reply = co_await rpc::call_message<proto::CollectCountersReply>(link_.calls(), Method::collect_counters,
                                                                         request, deadline, context_.epoch.current());
    if (has_ended()) co_return;
    if (reply.ok()) counters_.assign(reply->counters().begin(), reply->counters().end());
    co_await context_.clock.sleep_for(interval);
  }
}

// ---- the end

Async<void> WorkerHandle::report_end() {
  co_await link_.wait_ended();
  counters_.clear();
  if (!is_ending_) report_lost(link_.exit());
  end_reported_.set();
}

void WorkerHandle::log_exit(const WorkerExit& exit) const {
  LOG_ERROR("job {}: {}: {}", worker_.job, exit.exception, exit.message);
  std::string_view rest = exit.stack_trace;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    log::write(log::Level::error, line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
}

void WorkerHandle::report_lost(const WorkerExit& exit) {
  log_exit(exit);
  for (const auto& [execution, was_cancelled] : ledger_.lose_all()) {
    if (was_cancelled) {
      report_canceled(execution);
      continue;
    }
    proto::TaskReport report;
    *report.mutable_address() = address_of(execution);
    report.set_status(proto::FAILED);
    proto::Failure& failure = *report.mutable_failure();
    failure.set_exception(exit.exception);
    failure.set_message(exit.message);
    failure.set_stack_trace(exit.stack_trace);
    failure.set_blame(static_cast<proto::RpcError::Blame>(rpc::encode_blame(exit.blame)));
    failure.set_timestamp_ms(now_ms(context_.clock));
    context_.listener.on_task_status(worker_.job, std::move(report));
  }
}

void WorkerHandle::report_canceled(const Execution& execution) {
  proto::TaskReport report;
  *report.mutable_address() = address_of(execution);
  report.set_status(proto::CANCELED);
  context_.listener.on_task_status(worker_.job, std::move(report));
}

Async<void> WorkerHandle::end() {
  is_ending_ = true;
  co_await link_.stop();
  co_await unused_.wait();
  co_await cancellation_.close();
  co_await scope_.close();
  co_await link_.close();
}

// ---- cancelling

std::vector<ExecutionId> WorkerHandle::cancel(const std::vector<ExecutionId>& executions) {
  auto [live, unknown] = ledger_.cancel(executions);
  if (!live.empty() && !has_ended()) {
    cancellation_.begin(std::move(live), {context_.cancellation_timeout, context_.cancellation_interval});
  }
  return unknown;
}

Async<void> WorkerHandle::send_cancel(std::vector<ExecutionId> executions) {
  if (link_.state() != WorkerState::running) co_return;  // those that it will not get are reported when it runs
  proto::CancelTasksRequest request;
  request.set_job(worker_.job.to_bytes());
  for (const auto& id : executions) request.add_executions(id.to_bytes());
  const SteadyTime deadline = context_.clock.now() + kCancelCallTime;
  const auto reply = co_await rpc::call_message<proto::CancelTasksReply>(link_.calls(), Method::worker_cancel_tasks,
                                                                         request, deadline, context_.epoch.current());
  if (!reply.ok())
    LOG_WARN("job {}: its worker did not take the order to cancel: {}", worker_.job, reply.error().message);
}

void WorkerHandle::give_up(std::size_t stuck) {
  if (has_ended()) return;
  const double seconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(context_.cancellation_timeout).count() / 1000.0;
  LOG_WARN("job {}: {} tasks have not stopped {} s after they were cancelled: the worker is killed", worker_.job, stuck,
           seconds);
  link_.kill(fmt::format("a task had not stopped {} s after it was cancelled (task.cancellation.timeout)", seconds),
             Blame::user);
}

// ---- connections and memory

Async<Result<void>> WorkerHandle::give_connection(std::string hello, UniqueFd socket) {
  const Use use(*this);
  auto given = link_.give_connection(std::move(hello), std::move(socket));
  co_return co_await std::move(given);
}

void WorkerHandle::check_memory() {
  const std::uint64_t used = resident_bytes();
  if (used <= share_.bytes() || share_.bytes() == 0) return;
  const auto text = fmt::format(
      "it used {:.0f} MiB of memory; its share is {:.0f} MiB ({} of {} slots): give the job more slots, or the "
      "TaskManager more memory "
      "(taskmanager.memory.process.size)",
      ByteCount(used).in_mib(), share_.in_mib(), slot_count_, context_.slots);
  LOG_ERROR("job {}: the worker is ended: {}", worker_.job, text);
  link_.kill(text, Blame::user);
}

}  // namespace weir::taskmanager
