#include "taskmanager/jobs/worker_link.h"

#include <fmt/format.h>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <functional>
#include <utility>

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
constexpr std::size_t kWorkerOutputsKept = 100;  // files of workers that have ended

}  // namespace

Error worker_ended(const WorkerExit& exit) {
  std::string text = exit.exception + ": " + exit.message;
  if (!exit.stack_trace.empty()) text += "\n" + exit.stack_trace;
  return {ErrorCode::user_code, exit.blame, std::move(text)};
}

WorkerLink::WorkerLink(const WorkerHandleContext& context, const plan::JobWorker& worker, std::uint64_t number,
                       const rpc::MethodTable& methods)
    : context_(context),
      worker_(worker),
      number_(number),
      methods_(methods),
      start_done_(context.executor),
      ended_(context.executor),
      descriptor_sent_(context.executor),
      scope_(context.executor, "worker of job " + worker.job.to_hex()) {
  descriptor_sent_.set();
}

WorkerLink::~WorkerLink() = default;

rpc::Caller& WorkerLink::calls() {
  ENSURE(connection_ != nullptr, "calls to a worker of job {} that has not been started", worker_.job);
  return *connection_;
}

// ---- the start

Async<Result<void>> WorkerLink::start(const proto::DeployRequest& terms, ByteCount share, SteadyTime deadline) {
  if (state_ == WorkerState::made && !is_stopping_) {
    state_ = WorkerState::starting;
    // Cancelled in the middle (the daemon ends), the start has failed for all who wait for it.
    struct Done {
      WorkerLink& link;
      ~Done() {
        if (!link.start_result_.ok() && !link.process_) {
          link.state_ = WorkerState::ended;
          link.ended_.set();
        }
        if (link.start_result_.ok() && link.state_ == WorkerState::starting) link.state_ = WorkerState::running;
        link.start_done_.set();
      }
    } const done{*this};
    start_result_ = Error::external(ErrorCode::cancelled, "the TaskManager ends");
    start_result_ = co_await start_once(terms, share, deadline);
  }
  co_await start_done_.wait();
  co_return start_result_;
}

Async<Result<void>> WorkerLink::start_once(const proto::DeployRequest& terms, ByteCount share, SteadyTime deadline) {
  job_name_ = terms.graph().job_name();
  ArtefactWanted wanted{
      .key = terms.artefact().blob_key(), .bytes = terms.artefact().bytes(), .blob_address = terms.blob_address()};
  CO_TRY(artefact_, co_await context_.artefacts.lease(std::move(wanted), deadline));
  // Not waited for: a slow log directory is no reason to start a job late.
  asio::post(context_.log_pool.executor(),
             [prefix = context_.process.output_prefix] { remove_old_outputs(prefix, kWorkerOutputsKept); });
  if (is_stopping_) co_return Error::external(ErrorCode::cancelled, "the job was ended while its artefact was fetched");
  CO_TRY_VOID(start_process());
  auto started = co_await call_start_worker(terms, share, deadline);
  if (started.ok()) co_return Result<void>();
  co_return co_await start_failure(std::move(started).error());
}

Result<void> WorkerLink::start_process() {
  const std::string name = fmt::format("{}-{}", worker_.job.to_hex(), number_);
  TRY(process_, WorkerProcess::start(context_.executor, context_.log_pool, context_.clock, context_.process, name,
                                     context_.output));
  rpc::Identity peer{
      .role = rpc::Role::worker, .cluster = {}, .incarnation = {}, .name = "worker of job " + worker_.job.to_hex()};
  connection_ = std::make_unique<rpc::Connection>(context_.executor, context_.clock, process_->take_call_socket(), peer,
                                                  methods_, context_.rpc_limits);
  channel_ = std::make_unique<rpc::FdChannel>(context_.executor, process_->take_descriptor_socket());
  scope_.start("connection", run_connection());
  scope_.start("watch", watch());
  LOG_INFO("job {} ({}): started worker process {}", worker_.job, job_name_, process_->pid());
  return {};
}

Async<Result<void>> WorkerLink::call_start_worker(const proto::DeployRequest& terms, ByteCount share,
                                                  SteadyTime deadline) {
  proto::StartWorkerRequest message;
  message.set_job(worker_.job.to_bytes());
  plan::encode_generation(worker_.generation, *message.mutable_generation());
  message.set_job_name(job_name_);
  message.set_library(artefact_.library());
  *message.mutable_artefact() = terms.artefact();
  *message.mutable_configuration() = terms.configuration();
  message.set_secret(terms.secret());
  *message.mutable_graph() = terms.graph();
  message.set_slots(context_.slots);
  // Of all slots together, though this job may have few of them: each slot in use takes its part.
  message.set_block_pool_bytes((context_.slot_network * context_.slots).bytes());
  message.set_memory_bytes(share.bytes());
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
  co_return Result<void>();
}

// The worker refused, took too long, or died: it goes, and the error says which it was.
Async<Result<void>> WorkerLink::start_failure(Error error) {
  if (error.code == ErrorCode::unavailable) {
    co_await ended_.wait();
    co_return is_stopping_ ? std::move(error) : worker_ended(exit_).within("the job's worker did not start");
  }
  if (error.code == ErrorCode::deadline_exceeded) {
    error = Error::user(
        ErrorCode::failed_precondition,
        "the job's worker did not load its library and rebuild its plan in time: the build function must not wait "
        "or work (weir.worker.start-timeout)");
  }
  process_->kill("it could not be started", error.blame);
  co_await ended_.wait();
  co_return error;
}

Async<void> WorkerLink::wait_ended() { co_await ended_.wait(); }

// ---- while it lives

Async<Result<void>> WorkerLink::give_connection(std::string hello, UniqueFd socket) {
  co_await start_done_.wait();
  while (sending_descriptor_) co_await descriptor_sent_.wait();
  if (state_ == WorkerState::ended || is_stopping_ || !channel_)
    co_return Error::external(ErrorCode::unavailable, "the job's worker has ended");
  struct Turn {
    explicit Turn(WorkerLink& link) : link_(link) {
      link_.sending_descriptor_ = true;
      link_.descriptor_sent_.reset();
    }
    ~Turn() {
      link_.sending_descriptor_ = false;
      link_.descriptor_sent_.set();
    }
    WorkerLink& link_;
  } const turn(*this);
  auto sent = channel_->send(std::move(hello), std::move(socket));
  co_return co_await std::move(sent);
}

Async<void> WorkerLink::run_connection() {
  auto nothing = std::function<void(const Error&)>();
  const Error reason = co_await connection_->run(std::move(nothing));
  LOG_DEBUG("job {}: the connection to its worker ended: {}", worker_.job, reason.message);
  // Its process has just ended, and watch() hears of it with its own reason; or it has broken the connection and is of
  // no use.
  auto ended = ended_.wait();
  auto grace = context_.clock.sleep_for(kBrokenGrace);
  auto race = std::move(ended) || std::move(grace);
  co_await std::move(race);
  kill("its connection to the TaskManager broke: " + reason.message, Blame::internal);
}

std::uint64_t WorkerLink::resident_bytes() const {
  return process_ && state_ != WorkerState::ended ? process_->resident_bytes() : 0;
}

pid_t WorkerLink::process_id() const { return process_ ? process_->pid() : -1; }

// ---- the end

void WorkerLink::kill(std::string reason, Blame blame) {
  if (process_ && state_ != WorkerState::ended) process_->kill(std::move(reason), blame);
}

Async<void> WorkerLink::watch() {
  auto exit = co_await process_->wait_exit();
  state_ = WorkerState::ended;
  if (exit.ok()) {
    exit_ = std::move(exit).value();
  } else {
    exit_ = {"worker lost", exit.error().message, "", Blame::internal};
  }
  connection_->end("the worker has ended");
  channel_->end();
  ended_.set();
}

Async<void> WorkerLink::stop() {
  const bool can_listen = state_ == WorkerState::running;
  is_stopping_ = true;
  if (state_ == WorkerState::made) {
    state_ = WorkerState::ended;
    start_result_ = Error::external(ErrorCode::cancelled, "the job was ended");
    start_done_.set();
    ended_.set();
  }
  if (!process_ || state_ == WorkerState::ended) co_return;
  state_ = WorkerState::stopping;
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
  kill("its job ended", Blame::user);
  co_await ended_.wait();
}

Async<void> WorkerLink::close() {
  if (channel_) channel_->end();
  co_await scope_.close();
  if (process_) co_await process_->close();
}

}  // namespace weir::taskmanager
