// The engine of a job worker: slot loops, the tasks in them, and what the control thread knows of each.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/plan/deployment.h"
#include "common/plan/job_graph.h"
#include "taskmanager/exchange/host_resolver.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "taskmanager/task/task_failure.h"
#include "taskmanager/worker/exchange_registry.h"
#include "taskmanager/worker/slot_loop.h"
#include "taskmanager/worker/task_builder.h"
#include "taskmanager/worker/task_runtime.h"
#include "weir/result.h"
#include "weir/stream_graph.h"

namespace weir::taskmanager {

/// Opens a job's library and runs its build function. Errors: sentences for the user.
using OpenGraph = std::function<Result<StreamGraph>(const proto::StartWorkerRequest&)>;

/// What differs between a worker process and a test.
struct JobRuntimeSettings {
  OpenGraph open_graph;
  ThrowPlace throw_place = nullptr;  ///< none: places are not known
  std::int64_t connect_timeout_us = 30'000'000;
  bool starts_slots = true;  ///< each slot has a thread; otherwise somebody drives them (drive_slot)
};

/// Lives on: the worker's control thread, as TaskRuntime says; slots tell it of tasks on theirs.
class JobRuntime final : public TaskRuntime, private SlotEvents {
 public:
  /// @param time  outlives the runtime
  JobRuntime(JobRuntimeSettings settings, const TimeSource& time, TaskRuntimeEvents& events);
  ~JobRuntime() override;

  Result<void> start(const proto::StartWorkerRequest& request) override;
  Result<void> deploy(const proto::DeployTasksRequest& request) override;
  void cancel(const std::vector<std::string>& executions) override;
  void accept_connection(UniqueFd socket, std::uint32_t slot) override;
  void collect_counters(proto::CollectCountersReply& reply) override;
  void stop() override;

  /// One turn of a slot that has no thread, see SlotLoop::drive. @return  whether anything was done
  bool drive_slot(std::uint32_t slot, const SlotLoop::ChooseTask& choose) { return loop(slot).drive(choose); }
  /// Exchange buffers of a slot; all zeros when it has never been used.
  PoolUsage pool_usage(std::uint32_t slot) const;

 private:
  Result<void> check_graph(const proto::StartWorkerRequest& request);
  Result<FlushPolicy> flush_policy(const proto::StartWorkerRequest& request) const;
  SlotLoop& loop(std::uint32_t slot);
  void on_task_status(const TaskRecord& record, TaskStatus status, const TaskFailure* failure) override;

  // Set once
  const JobRuntimeSettings settings_;
  const TimeSource& time_;
  TaskRuntimeEvents& events_;
  // Set by start
  StreamGraph graph_;
  plan::JobGraph job_graph_;
  plan::Generation generation_;
  std::map<std::string, std::string, std::less<>> job_settings_;
  SlotLoop::Settings loop_settings_;
  // Control thread only. In this order: channels go before the loops whose blocks are in them, and the resolver before
  // the wakers of the loops, which it rings.
  std::vector<std::unique_ptr<SlotLoop>> loops_;  // by slot; null: never used
  HostResolver resolver_;
  ExchangeRegistry registry_;
  std::unique_ptr<TaskBuilder> builder_;
  std::map<ExecutionId, std::shared_ptr<TaskRecord>> tasks_;
  bool is_stopped_ = false;
};

}  // namespace weir::taskmanager
