// The control thread of a job worker: its session with the TaskManager that started it.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/unique_fd.h"
#include "common/observe/log.h"
#include "common/rpc/leader_fence.h"
#include "common/rpc/method_table.h"
#include "taskmanager/reports/report_outbox.h"
#include "taskmanager/worker/task_runtime.h"

namespace weir::proto {
class CancelTasksReply;
class CancelTasksRequest;
class CollectCountersReply;
class CollectCountersRequest;
class DeployTasksReply;
class StartWorkerReply;
class StopWorkerReply;
class StopWorkerRequest;
}  // namespace weir::proto
namespace weir::rpc {
class Connection;
class FdChannel;
}  // namespace weir::rpc

namespace weir::taskmanager {

/// Makes the engine. The events outlive it.
using MakeTaskRuntime = std::function<std::unique_ptr<TaskRuntime>(TaskRuntimeEvents&)>;

/// Exit codes of a worker process that ends by itself.
inline constexpr int kWorkerStopped = 0;          ///< it was asked to
inline constexpr int kWorkerLostTaskManager = 3;  ///< the socket pair ended: its TaskManager is gone

/// Serves the TaskManager's calls with a TaskRuntime, sends statuses and log lines back.
/// Lives on: the worker's control thread; status() and log() on any thread. Owned by the worker's main function.
/// Life cycle: made -> run() -> the process ends.
class WorkerSession final : public TaskRuntimeEvents, private ReportReceiver {
 public:
  /// @param calls        our end of the socket pair for calls
  /// @param descriptors  our end of the socket pair for connections
  WorkerSession(asio::any_io_executor executor, Clock& clock, UniqueFd calls, UniqueFd descriptors,
                const MakeTaskRuntime& make_runtime);
  ~WorkerSession() override;

  /// Until the TaskManager says stop (statuses and lines are sent, the runtime is stopped), or is gone (nothing is: the
  /// process must end at once). @return  an exit code
  asio::awaitable<int> run();

  void on_task_status(proto::TaskReport report) override;
  /// The sink of this process's log. Lines beyond a bound are dropped and counted.
  void log(log::Level level, std::string_view text);

 private:
  struct Line {
    log::Level level;
    std::string text;
  };

  void serve();
  Result<void> check_started() const;
  Async<proto::StartWorkerReply> on_start(proto::StartWorkerRequest request);
  Async<proto::DeployTasksReply> on_deploy(proto::DeployTasksRequest request);
  Async<proto::CancelTasksReply> on_cancel(proto::CancelTasksRequest request);
  Async<proto::CollectCountersReply> on_collect_counters(proto::CollectCountersRequest request);
  Async<proto::StopWorkerReply> on_stop(proto::StopWorkerRequest request);

  Async<void> run_connection();
  Async<void> receive_connections();
  // ReportReceiver: the TaskManager
  Async<void> wait_until_reachable() override;
  Async<Result<void>> send(const ReportBatch& batch) override;
  Async<void> send_lines();
  Async<void> flush();

  // Set once
  asio::any_io_executor executor_;
  Clock& clock_;
  rpc::OrderFence fence_;
  rpc::MethodTable methods_{{rpc::Role::task_manager}, fence_};
  std::unique_ptr<rpc::Connection> connection_;
  std::unique_ptr<rpc::FdChannel> channel_;
  // Any thread
  std::atomic<std::size_t> lines_waiting_{0};
  std::atomic<std::size_t> lines_dropped_{0};
  // Control thread only
  std::unique_ptr<TaskRuntime> runtime_;
  ReportOutbox outbox_;
  std::deque<Line> lines_;
  bool start_begun_ = false;
  bool started_ = false;
  bool is_lost_ = false;
  bool sending_line_ = false;
  Event has_lines_;
  Event end_;  // stop was asked, or the TaskManager is gone
  TaskScope scope_;
};

}  // namespace weir::taskmanager
