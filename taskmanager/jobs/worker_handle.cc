#include "taskmanager/jobs/worker_handle.h"

#include <fmt/format.h>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <functional>
#include <utility>

#include "common/async/deadline.h"
#include "common/base/ensure.h"
#include "common/base/try.h"
#include "common/gateway/methods.h"
#include "common/observe/log.h"
#include "common/rpc/connection.h"
#include "common/rpc/fd_channel.h"
#include "common/rpc/typed_call.h"
#include "proto/task_manager.pb.h"
#include "proto/worker.pb.h"

namespace weir::taskmanager {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::seconds kStopGrace{1};
constexpr std::chrono::seconds kBrokenGrace{2};
constexpr std::chrono::seconds kCancelCallTime{10};
constexpr std::size_t kWorkerOutputsKept = 100;  // files of workers that have ended
constexpr std::size_t kCancelledEarlyMax = 100'000;

bool is_final(proto::TaskStatus status) {
  return status == proto::FINISHED || status == proto::CANCELED || status == proto::FAILED;
}

std::int64_t now_ms(const Clock& clock) { return clock.wall_now().time_since_epoch().count(); }

Error worker_ended(const WorkerExit& exit) {
  std::string text = exit.exception + ": " + exit.message;
  if (!exit.stack_trace.empty()) text += "\n" + exit.stack_trace;
  return Error::user(ErrorCode::user_code, std::move(text));
}

std::string name_of(const proto::DeployRequest& request, const proto::TaskAddress& address) {
  for (const auto& vertex : request.graph().vertices()) {
    if (vertex.id() == address.vertex())
      return fmt::format("{} ({}/{})", vertex.name(), address.subtask() + 1, vertex.parallelism());
  }
  return "task " + std::to_string(address.subtask() + 1);
}

}  // namespace

struct WorkerHandle::Task {
  proto::TaskAddress address;
  std::string name;  // "Map (1/2)"
  proto::TaskStatus status = proto::DEPLOYING;
  bool cancel_asked = false;
};

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

WorkerHandle::WorkerHandle(const WorkerHandleContext& context, const JobId& job, std::uint64_t number)
    : context_(context),
      job_(job),
      number_(number),
      start_done_(context.executor),
      ended_(context.executor),
      unused_(context.executor),
      descriptor_sent_(context.executor),
      scope_(context.executor, "job " + job.to_hex()) {
  unused_.set();
  descriptor_sent_.set();
  serve_worker();
}

WorkerHandle::~WorkerHandle() { ENSURE(uses_ == 0, "a job's worker goes while {} calls use it", uses_); }

std::string WorkerHandle::process_name() const { return fmt::format("{}-{}", job_.to_hex(), number_); }

// ---- deploying

Async<Result<void>> WorkerHandle::deploy(std::shared_ptr<const proto::DeployRequest> request, std::uint32_t slot_count,
                                         SteadyTime deadline) {
  const Use use(*this);
  CO_TRY_VOID(co_await ensure_started(*request, slot_count, deadline));
  if (has_ended_ || is_ending_)
    co_return Error::external(ErrorCode::failed_precondition, "the job's worker has ended: " + job_.to_hex());
  proto::DeployTasksRequest message;
  for (auto& task : take_new_tasks(*request)) *message.add_tasks() = std::move(task);
  if (message.tasks().empty()) co_return Result<void>();
  auto reply = co_await rpc::call_message<proto::DeployTasksReply>(*connection_, Method::deploy_tasks, message,
                                                                   deadline, context_.epoch.current());
  if (reply.ok()) co_return Result<void>();
  // When the worker died, watch() has reported or will report these tasks; else it has refused all of them.
  if (reply.error().code == ErrorCode::unavailable) {
    co_await ended_.wait();
    co_return worker_ended(exit_);
  }
  for (const auto& task : message.tasks()) {
    if (const auto id = ExecutionId::from_bytes(task.address().execution()); id.ok()) tasks_.erase(*id);
  }
  co_return std::move(reply).error();
}

Async<Result<void>> WorkerHandle::ensure_started(const proto::DeployRequest& request, std::uint32_t slot_count,
                                                 SteadyTime deadline) {
  if (!std::exchange(start_begun_, true)) {
    // Cancelled in the middle (the daemon ends), the start has failed for all who wait for it.
    struct Done {
      WorkerHandle& worker;
      ~Done() {
        if (!worker.start_result_.ok() && !worker.process_) worker.has_ended_ = true;
        worker.start_done_.set();
      }
    } const done{*this};
    start_result_ = Error::external(ErrorCode::cancelled, "the TaskManager ends");
    start_result_ = co_await start(request, slot_count, deadline);
  }
  co_await start_done_.wait();
  co_return start_result_;
}

Async<Result<void>> WorkerHandle::start(const proto::DeployRequest& request, std::uint32_t slot_count,
                                        SteadyTime deadline) {
  job_name_ = request.graph().job_name();
  slot_count_ = slot_count;
  share_ = context_.slot_memory * slot_count;
  ArtefactWanted wanted{.key = request.artefact().blob_key(),
                        .bytes = request.artefact().bytes(),
                        .blob_address = request.blob_address()};
  CO_TRY(artefact_, co_await context_.artefacts.lease(std::move(wanted), deadline));
  // Not waited for: a slow log directory is no reason to start a job late.
  asio::post(context_.log_pool.executor(),
             [prefix = context_.process.output_prefix] { remove_old_outputs(prefix, kWorkerOutputsKept); });
  if (is_ending_) co_return Error::external(ErrorCode::cancelled, "the job was ended while its artefact was fetched");
  CO_TRY_VOID(start_process());
  auto started = co_await call_start_worker(request, deadline);
  if (started.ok()) co_return Result<void>();
  co_return co_await start_failure(std::move(started).error());
}

Result<void> WorkerHandle::start_process() {
  TRY(process_, WorkerProcess::start(context_.executor, context_.log_pool, context_.clock, context_.process,
                                     process_name(), context_.output));
  rpc::Identity peer{
      .role = rpc::Role::worker, .cluster = {}, .incarnation = {}, .name = "worker of job " + job_.to_hex()};
  connection_ = std::make_unique<rpc::Connection>(context_.executor, context_.clock, process_->take_call_socket(), peer,
                                                  methods_, context_.rpc_limits);
  channel_ = std::make_unique<rpc::FdChannel>(context_.executor, process_->take_descriptor_socket());
  scope_.start("connection", run_connection());
  scope_.start("watch", watch());
  LOG_INFO("job {} ({}): started worker process {}", job_, job_name_, process_->pid());
  return {};
}

Async<Result<void>> WorkerHandle::call_start_worker(const proto::DeployRequest& request, SteadyTime deadline) {
  proto::StartWorkerRequest message;
  message.set_job(job_.to_bytes());
  message.set_job_name(job_name_);
  message.set_library(artefact_.library());
  *message.mutable_artefact() = request.artefact();
  *message.mutable_configuration() = request.configuration();
  message.set_secret(request.secret());
  *message.mutable_graph() = request.graph();
  message.set_slots(context_.slots);
  // Of all slots together, though this job may have few of them: each slot in use takes its part.
  message.set_block_pool_bytes((context_.slot_network * context_.slots).bytes());
  message.set_memory_bytes(share_.bytes());
  message.set_task_manager_id(context_.task_manager_id);
  message.set_temporary_directory(context_.temporary_directory);
  message.set_record_bytes_max(context_.record_bytes_max);
  message.set_spin_us(context_.spin_us);
  const SteadyTime until = std::min(
      deadline, context_.clock.now() + std::chrono::duration_cast<SteadyTime::duration>(context_.start_timeout));
  CO_TRY(const auto reply, co_await rpc::call_message<proto::StartWorkerReply>(
                               *connection_, Method::start_worker, message, until, context_.epoch.current()));
  (void)reply;
  // Not before: loading a library may take its time, and the worker's control thread with it.
  connection_->watch_silence(context_.silence_max);
  scope_.start("counters", collect_counters());
  co_return Result<void>();
}

// The worker refused, took too long, or died: it goes, and the error says which it was.
Async<Result<void>> WorkerHandle::start_failure(Error error) {
  if (error.code == ErrorCode::unavailable) {
    co_await ended_.wait();
    co_return is_ending_ ? std::move(error) : worker_ended(exit_).within("the job's worker did not start");
  }
  if (error.code == ErrorCode::deadline_exceeded) {
    error = Error::user(
        ErrorCode::deadline_exceeded,
        "the job's worker did not load its library and rebuild its plan in time: the build function must not wait "
        "or work (weir.worker.start-timeout)");
  }
  process_->kill("it could not be started");
  co_await ended_.wait();
  co_return error;
}

std::vector<proto::TaskDescriptor> WorkerHandle::take_new_tasks(const proto::DeployRequest& request) {
  std::vector<proto::TaskDescriptor> fresh;
  for (const auto& descriptor : request.tasks()) {
    const auto id = ExecutionId::from_bytes(descriptor.address().execution());
    if (!id.ok() || tasks_.contains(*id)) continue;
    tasks_.emplace(*id, Task{.address = descriptor.address(), .name = name_of(request, descriptor.address())});
    if (cancelled_early_.erase(*id) > 0) {
      report_canceled(descriptor);
    } else {
      fresh.push_back(descriptor);
    }
  }
  return fresh;
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
    const auto task = id.ok() ? tasks_.find(*id) : tasks_.end();
    if (task == tasks_.end() || is_final(task->second.status) || is_ending_) continue;
    task->second.status = report.status();
    *report.mutable_address() = task->second.address;
    context_.listener.on_task_status(job_, std::move(report));
  }
  co_return proto::WorkerStatusReply();
}

Async<proto::WorkerLogReply> WorkerHandle::on_worker_log(proto::WorkerLogRequest request) {
  const int level =
      std::clamp(request.level(), static_cast<int>(log::Level::trace), static_cast<int>(log::Level::error));
  log::write(static_cast<log::Level>(level), fmt::format("job {}: {}", job_, request.text()));
  co_return proto::WorkerLogReply();
}

Async<void> WorkerHandle::run_connection() {
  auto nothing = std::function<void(const Error&)>();
  const Error reason = co_await connection_->run(std::move(nothing));
  LOG_DEBUG("job {}: the connection to its worker ended: {}", job_, reason.message);
  // Its process has just ended, and watch() hears of it with its own reason; or it has broken the connection and is of
  // no use.
  auto ended = ended_.wait();
  auto grace = context_.clock.sleep_for(kBrokenGrace);
  auto race = std::move(ended) || std::move(grace);
  co_await std::move(race);
  if (!has_ended_) process_->kill("its connection to the TaskManager broke: " + reason.message);
}

Async<void> WorkerHandle::collect_counters() {
  const auto interval = std::chrono::duration_cast<SteadyTime::duration>(context_.counters_interval);
  while (!has_ended_) {
    const SteadyTime deadline =
        context_.clock.now() + std::max<SteadyTime::duration>(interval, std::chrono::seconds(1));
    const proto::CollectCountersRequest request;
    auto reply = co_await rpc::call_message<proto::CollectCountersReply>(*connection_, Method::collect_counters,
                                                                         request, deadline, context_.epoch.current());
    if (reply.ok()) counters_.assign(reply->counters().begin(), reply->counters().end());
    co_await context_.clock.sleep_for(interval);
  }
}

// ---- the end

Async<void> WorkerHandle::watch() {
  auto exit = co_await process_->wait_exit();
  has_ended_ = true;
  if (exit.ok()) {
    exit_ = std::move(exit).value();
  } else {
    exit_.exception = "worker lost";
    exit_.message = exit.error().message;
  }
  connection_->end("the worker has ended");
  channel_->end();
  counters_.clear();
  if (!is_ending_) report_all(exit_);
  ended_.set();
}

void WorkerHandle::log_exit(const WorkerExit& exit) const {
  LOG_ERROR("job {}: {}: {}", job_, exit.exception, exit.message);
  std::string_view rest = exit.stack_trace;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    log::write(log::Level::error, line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
}

void WorkerHandle::report_all(const WorkerExit& exit) {
  if (!tasks_.empty()) log_exit(exit);  // else the deployment's error says it
  for (auto& [id, task] : tasks_) {
    if (is_final(task.status)) continue;
    proto::TaskReport report;
    *report.mutable_address() = task.address;
    task.status = task.cancel_asked ? proto::CANCELED : proto::FAILED;
    report.set_status(task.status);
    if (task.status == proto::FAILED) {
      proto::Failure& failure = *report.mutable_failure();
      failure.set_exception(exit.exception);
      failure.set_message(exit.message);
      failure.set_stack_trace(exit.stack_trace);
      failure.set_user_code(true);
      failure.set_timestamp_ms(now_ms(context_.clock));
    }
    context_.listener.on_task_status(job_, std::move(report));
  }
}

Async<void> WorkerHandle::end() {
  is_ending_ = true;
  if (process_ && !has_ended_) co_await stop_process();
  co_await unused_.wait();
  if (channel_) channel_->end();
  co_await scope_.close();
  if (process_) co_await process_->close();
}

Async<void> WorkerHandle::stop_process() {
  const bool can_listen = start_done_.is_set() && start_result_.ok();
  if (can_listen) {
    auto ended = ended_.wait();
    auto grace = context_.clock.sleep_for(kStopGrace);
    const proto::StopWorkerRequest request;
    const auto asked = co_await rpc::call_message<proto::StopWorkerReply>(
        *connection_, Method::stop_worker, request, context_.clock.now() + kStopGrace, context_.epoch.current());
    if (asked.ok()) {
      auto race = std::move(ended) || std::move(grace);
      co_await std::move(race);
    }
  }
  if (has_ended_) co_return;
  process_->kill("its job ended");
  co_await ended_.wait();
}

// ---- cancelling

void WorkerHandle::cancel(const std::vector<ExecutionId>& executions) {
  std::vector<ExecutionId> asked;
  for (const auto& id : executions) {
    const auto task = tasks_.find(id);
    if (task == tasks_.end()) {
      if (!has_ended_ && !start_done_.is_set() && cancelled_early_.size() < kCancelledEarlyMax)
        cancelled_early_.insert(id);
    } else if (!is_final(task->second.status)) {
      task->second.cancel_asked = true;
      asked.push_back(id);
    }
  }
  if (asked.empty() || has_ended_) return;
  scope_.start("cancel", send_cancel(asked));
  if (context_.cancellation_timeout.count() == 0 && context_.cancellation_interval.count() == 0) return;
  scope_.start("enforce cancel", enforce_cancel(std::move(asked)));
}

Async<void> WorkerHandle::send_cancel(std::vector<ExecutionId> executions) {
  proto::CancelTasksRequest request;
  request.set_job(job_.to_bytes());
  for (const auto& id : executions) request.add_executions(id.to_bytes());
  const SteadyTime deadline = context_.clock.now() + kCancelCallTime;
  const auto reply = co_await rpc::call_message<proto::CancelTasksReply>(*connection_, Method::worker_cancel_tasks,
                                                                         request, deadline, context_.epoch.current());
  if (!reply.ok()) LOG_WARN("job {}: its worker did not take the order to cancel: {}", job_, reply.error().message);
}

Async<void> WorkerHandle::enforce_cancel(std::vector<ExecutionId> executions) {
  // Asked again and again until the time is up, or for ever where there is no such time.
  const auto limit =
      context_.cancellation_timeout.count() > 0 ? context_.cancellation_timeout : std::chrono::nanoseconds::max();
  const auto interval = context_.cancellation_interval.count() > 0 ? context_.cancellation_interval : limit;
  for (std::chrono::nanoseconds waited{0}; waited < limit;) {
    const auto step = std::min(interval, limit - waited);
    co_await context_.clock.sleep_for(step);
    waited += step;
    if (has_ended_ || std::ranges::all_of(executions, [this](const ExecutionId& id) { return is_over(id); })) co_return;
    if (waited < limit) ask_again(executions, waited);
  }
  const auto stuck = std::ranges::count_if(executions, [this](const ExecutionId& id) { return !is_over(id); });
  if (stuck == 0 || has_ended_) co_return;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(context_.cancellation_timeout).count() / 1000.0;
  LOG_WARN("job {}: {} tasks have not stopped {} s after they were cancelled: the worker is killed", job_, stuck,
           seconds);
  process_->kill(
      fmt::format("a task had not stopped {} s after it was cancelled (task.cancellation.timeout)", seconds));
}

void WorkerHandle::ask_again(const std::vector<ExecutionId>& executions, std::chrono::nanoseconds waited) {
  std::vector<ExecutionId> stuck;
  for (const auto& id : executions) {
    if (is_over(id)) continue;
    stuck.push_back(id);
    LOG_WARN("job {}: {} has not stopped {} s after it was cancelled and is asked again (task.cancellation.interval)",
             job_, tasks_.at(id).name, std::chrono::duration_cast<std::chrono::milliseconds>(waited).count() / 1000.0);
  }
  scope_.start("cancel again", send_cancel(std::move(stuck)));
}

void WorkerHandle::report_canceled(const proto::TaskDescriptor& descriptor) {
  const auto id = ExecutionId::from_bytes(descriptor.address().execution());
  tasks_.at(*id).status = proto::CANCELED;
  proto::TaskReport report;
  *report.mutable_address() = descriptor.address();
  report.set_status(proto::CANCELED);
  context_.listener.on_task_status(job_, std::move(report));
}

bool WorkerHandle::is_over(const ExecutionId& execution) const {
  const auto task = tasks_.find(execution);
  return task == tasks_.end() || is_final(task->second.status);
}

// ---- connections and memory

Async<Result<void>> WorkerHandle::give_connection(std::string hello, UniqueFd socket) {
  const Use use(*this);
  co_await start_done_.wait();
  while (sending_descriptor_) co_await descriptor_sent_.wait();
  if (has_ended_ || is_ending_ || !channel_)
    co_return Error::external(ErrorCode::unavailable, "the job's worker has ended");
  struct Turn {
    explicit Turn(WorkerHandle& worker) : worker_(worker) {
      worker_.sending_descriptor_ = true;
      worker_.descriptor_sent_.reset();
    }
    ~Turn() {
      worker_.sending_descriptor_ = false;
      worker_.descriptor_sent_.set();
    }
    WorkerHandle& worker_;
  } const turn(*this);
  auto sent = channel_->send(std::move(hello), std::move(socket));
  co_return co_await std::move(sent);
}

std::uint64_t WorkerHandle::resident_bytes() const { return process_ && !has_ended_ ? process_->resident_bytes() : 0; }

pid_t WorkerHandle::process_id() const { return process_ ? process_->pid() : -1; }

void WorkerHandle::check_memory() {
  const std::uint64_t used = resident_bytes();
  if (used <= share_.bytes() || share_.bytes() == 0) return;
  const auto text = fmt::format(
      "it used {:.0f} MiB of memory; its share is {:.0f} MiB ({} of {} slots): give the job more slots, or the "
      "TaskManager more memory "
      "(taskmanager.memory.process.size)",
      ByteCount(used).in_mib(), share_.in_mib(), slot_count_, context_.slots);
  LOG_ERROR("job {}: the worker is ended: {}", job_, text);
  process_->kill(text);
}

}  // namespace weir::taskmanager
