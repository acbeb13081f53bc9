#include "taskmanager/worker/job_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <unordered_set>
#include <utility>

#include "api/loader/plan_builder.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/config/job_options.h"
#include "common/observe/log.h"
#include "common/plan/exchange_window.h"
#include "common/plan/fingerprint.h"
#include "common/plan/plan_codec.h"
#include "common/rpc/error_codec.h"
#include "proto/job_manager.pb.h"
#include "proto/plan.pb.h"
#include "proto/worker.pb.h"

namespace weir::taskmanager {

namespace {

constexpr std::size_t kSlotsMax = 1024;
constexpr std::uint64_t kRecordBytesMaxMax = std::uint64_t{1} << 30;

proto::TaskStatus to_proto(TaskStatus status) {
  switch (status) {
    case TaskStatus::deploying: return proto::DEPLOYING;
    case TaskStatus::initializing: return proto::INITIALIZING;
    case TaskStatus::running: return proto::RUNNING;
    case TaskStatus::finished: return proto::FINISHED;
    case TaskStatus::canceling: return proto::CANCELING;
    case TaskStatus::canceled: return proto::CANCELED;
    case TaskStatus::failed: return proto::FAILED;
    case TaskStatus::created:
    case TaskStatus::scheduled:
    case TaskStatus::reconciling: break;  // known to the JobManager only
  }
  return proto::TASK_STATUS_UNSPECIFIED;
}

/// What the job's configuration says, under the option's key or an older one. Errors: of parse_as.
template <class T>
Result<T> setting(const proto::StartWorkerRequest& request, const config::Option<T>& option) {
  const auto& settings = request.configuration();
  auto found = settings.find(std::string(option.key));
  for (const std::string_view old_key : option.old_keys)
    if (found == settings.end()) found = settings.find(std::string(old_key));
  return config::parse_as(option, found == settings.end() ? *option.fallback : std::string_view(found->second));
}

void write_counters(const TaskRecord& record, std::int64_t now_us, proto::TaskCounters& counters) {
  const TaskMetrics& metrics = *record.metrics;
  counters.set_execution(record.execution.to_bytes());
  counters.set_records_in(metrics.records_in.value());
  counters.set_records_out(metrics.records_out.value());
  counters.set_bytes_in(metrics.bytes_in.value());
  counters.set_bytes_out(metrics.bytes_out.value());
  counters.set_blocks_in(metrics.blocks_in.value());
  counters.set_blocks_out(metrics.blocks_out.value());
  counters.set_input_queued(metrics.input_queued.value());
  counters.set_input_window(metrics.input_window.value());
  counters.set_output_queued(metrics.output_queued.value());
  counters.set_output_window(metrics.output_window.value());
  counters.set_busy_ms(metrics.spent_us(Activity::busy, now_us) / 1000);
  counters.set_idle_ms(metrics.spent_us(Activity::idle, now_us) / 1000);
  counters.set_backpressured_ms(metrics.spent_us(Activity::backpressured, now_us) / 1000);
  metrics.user.each([&](const std::string& name, std::uint64_t value) { (*counters.mutable_user())[name] = value; });
  metrics.gauges.each([&](const std::string& name, double value) { (*counters.mutable_gauges())[name] = value; });
}

}  // namespace

JobRuntime::JobRuntime(JobRuntimeSettings settings, const TimeSource& time, TaskRuntimeEvents& events)
    : settings_(std::move(settings)), time_(time), events_(events) {}

JobRuntime::~JobRuntime() { stop(); }

Result<void> JobRuntime::start(const proto::StartWorkerRequest& request) {
  if (builder_ != nullptr) return Error::internal("the worker has been started already");
  if (request.slots() == 0 || request.slots() > kSlotsMax)
    return Error::internal(fmt::format("{} slots", request.slots()));
  TRY(const JobId job, JobId::from_bytes(request.job()));
  TRY(job_graph_, plan::decode_job_graph(request.graph()));
  generation_ = plan::decode_generation(request.generation());
  TRY(graph_, settings_.open_graph(request));
  TRY_VOID(check_graph(request));
  for (const auto& [key, value] : graph_.configuration) job_settings_[key] = value;
  for (const auto& [key, value] : request.configuration()) job_settings_[key] = value;
  TRY(const FlushPolicy flush, flush_policy(request));
  TRY(const auto compression, setting(request, config::kExchangeCompression));

  const std::uint64_t slot_pool_bytes = request.block_pool_bytes() / request.slots();
  const plan::WindowPlan window = plan::plan_window(job_graph_, slot_pool_bytes);
  if (!window.fits)
    LOG_WARN(
        "exchange buffers are too small for job {}: a slot has {} bytes and may use {}; set "
        "taskmanager.memory.network.min and .max higher",
        job_graph_.job_name, slot_pool_bytes, window.blocks_needed * plan::kBlockBytes);
  const auto record_bytes_max = static_cast<std::uint32_t>(
      request.record_bytes_max() == 0 ? 16u << 20 : std::min(request.record_bytes_max(), kRecordBytesMaxMax));
  loop_settings_.pool_bytes = slot_pool_bytes;
  loop_settings_.spin_us = request.spin_us();
  loop_settings_.throw_place = settings_.throw_place;
  loop_settings_.connections.connection = {.job = job,
                                           .secret = request.secret(),
                                           .slot = 0,
                                           .task_manager_id = request.task_manager_id(),
                                           .rows_and_text_bytes_max = record_bytes_max + kBlockCapacity,
                                           .packs_blocks = compression == config::ExchangeCompression::lz4};
  loop_settings_.connections.connect_timeout_us = settings_.connect_timeout_us;
  loops_.resize(request.slots());
  builder_ =
      std::make_unique<TaskBuilder>(graph_, job_graph_,
                                    TaskBuilder::Settings{.task_manager_id = request.task_manager_id(),
                                                          .slots = request.slots(),
                                                          .window = window.window,
                                                          .record_bytes_max = record_bytes_max,
                                                          .flush = flush,
                                                          .job_settings = &job_settings_},
                                    registry_, [this](std::uint32_t slot) -> Waker& { return loop(slot).waker(); });
  return {};
}

Result<void> JobRuntime::check_graph(const proto::StartWorkerRequest& request) {
  proto::Plan message;
  TRY_VOID(build_plan(graph_, message));
  TRY(const plan::Plan made, plan::decode_plan(message));
  if (plan::fingerprint(made, request.artefact().blob_key()) == job_graph_.fingerprint) return {};
  const auto difference = plan::first_difference(job_graph_.operator_digests, made);
  return Error::user(
      ErrorCode::failed_precondition,
      fmt::format("the build function made another graph here than when the job was submitted: {}; a build function "
                  "must make the same graph from the same arguments every time",
                  difference.value_or("its operators are the same, the job's name or parallelism is not")));
}

Result<FlushPolicy> JobRuntime::flush_policy(const proto::StartWorkerRequest& request) const {
  FlushPolicy policy;
  TRY(const bool is_enabled, setting(request, config::kBufferTimeoutEnabled));
  TRY(const config::Duration timeout, setting(request, config::kBufferTimeout));
  policy.timeout_us = is_enabled && timeout.count() >= 0
                          ? std::chrono::duration_cast<std::chrono::microseconds>(timeout).count()
                          : FlushPolicy::kOnlyWhenFull;
  if (policy.timeout_us >= 0) policy.idle_spacing_us = std::min(policy.idle_spacing_us, policy.timeout_us);
  return policy;
}

SlotLoop& JobRuntime::loop(std::uint32_t slot) {
  auto& loop = loops_[slot];
  if (loop == nullptr) {
    SlotLoop::Settings settings = loop_settings_;
    settings.slot = slot;
    settings.connections.connection.slot = slot;
    loop = std::make_unique<SlotLoop>(std::move(settings), time_, resolver_, static_cast<SlotEvents&>(*this));
    if (settings_.starts_slots) loop->start();
  }
  return *loop;
}

Result<void> JobRuntime::deploy(const proto::DeployTasksRequest& request) {
  if (builder_ == nullptr || is_stopped_) return Error::internal("the worker has not been started");
  std::erase_if(tasks_, [](const auto& entry) { return entry.second->is_over.load(std::memory_order_acquire); });
  registry_.purge();
  if (plan::decode_generation(request.generation()) != generation_)
    return Error::internal("the deployment is not of this worker's generation");
  TRY(plan::TaskTable decoded, plan::decode_task_table(request.table()));
  const auto table = std::make_shared<const plan::TaskTable>(std::move(decoded));
  std::vector<plan::TaskRange> ranges;
  for (const auto& range : request.tasks()) ranges.push_back(plan::decode_task_range(range));
  TRY(const auto wanted, plan::tasks_of(ranges, *table));
  TRY_VOID(builder_->begin(table));
  std::vector<std::unique_ptr<TaskSpec>> specs;
  std::unordered_set<ExecutionId> executions;
  for (const plan::TaskIndex& task : wanted) {
    TRY(auto spec, builder_->build(task));
    const ExecutionId execution = spec->record->execution;
    if (tasks_.contains(execution) || !executions.insert(execution).second)
      return Error::internal(fmt::format("execution {} is deployed a second time", execution.to_hex()));
    specs.push_back(std::move(spec));
  }
  for (auto& spec : specs) {
    tasks_[spec->record->execution] = spec->record;
    SlotLoop& target = loop(spec->slot);
    target.deploy(std::move(spec));
  }
  return {};
}

void JobRuntime::cancel(const std::vector<std::string>& executions) {
  for (const auto& bytes : executions) {
    const auto execution = ExecutionId::from_bytes(bytes);
    if (!execution.ok()) continue;
    if (const auto found = tasks_.find(*execution); found != tasks_.end()) loop(found->second->slot).cancel(*execution);
  }
}

void JobRuntime::accept_connection(UniqueFd socket, std::uint32_t slot) {
  if (builder_ == nullptr || is_stopped_ || slot >= loops_.size()) {
    LOG_WARN("data connection closed: it is for slot {} of {}", slot, loops_.size());
    return;
  }
  loop(slot).accept(std::move(socket));
}

void JobRuntime::collect_counters(proto::CollectCountersReply& reply) {
  for (const auto& [execution, record] : tasks_)
    if (!record->is_over.load(std::memory_order_acquire))
      write_counters(*record, monotonic_us(time_), *reply.add_counters());
}

void JobRuntime::stop() {
  if (std::exchange(is_stopped_, true)) return;
  for (auto& loop : loops_)
    if (loop != nullptr) loop->ask_to_stop();
  for (auto& loop : loops_)
    if (loop != nullptr) loop->join();
}

PoolUsage JobRuntime::pool_usage(std::uint32_t slot) const {
  return slot < loops_.size() && loops_[slot] != nullptr ? loops_[slot]->pool_usage() : PoolUsage{};
}

void JobRuntime::on_task_status(const TaskRecord& record, TaskStatus status, const TaskFailure* failure) {
  proto::TaskReport message;
  message.mutable_address()->ParseFromString(record.address);
  message.set_status(to_proto(status));
  write_counters(record, monotonic_us(time_), *message.mutable_counters());
  if (failure != nullptr) {
    auto& reason = *message.mutable_failure();
    reason.set_exception(failure->exception);
    reason.set_message(failure->message);
    reason.set_stack_trace(failure->stack_trace);
    reason.set_blame(static_cast<proto::RpcError::Blame>(rpc::encode_blame(failure->blame)));
    reason.set_timestamp_ms(time_.wall_now().time_since_epoch().count());
  }
  events_.on_task_status(std::move(message));
}

}  // namespace weir::taskmanager
