// Job runtimes in one process, connected by loopback sockets: what a JobManager and TaskManagers do around them, in a
// few lines.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "common/plan/deployment.h"
#include "common/plan/job_graph.h"
#include "proto/job_manager.pb.h"
#include "proto/worker.pb.h"
#include "taskmanager/worker/job_runtime.h"
#include "weir/stream_graph.h"

namespace weir::test {

struct ClusterSettings {
  int task_managers = 1;
  std::uint32_t slots = 2;               ///< of each
  std::uint64_t pool_bytes = 64u << 20;  ///< of each
  std::uint32_t spin_us = 0;
  std::uint64_t record_bytes_max = 1u << 20;
  std::int64_t connect_timeout_us = 10'000'000;
  std::map<std::string, std::string> configuration;
  bool chaining = true;
  /// Secret of each TaskManager, when they differ.
  std::function<std::string(int)> secret;
  /// Data port through which the TaskManager is reached, when there is something in between.
  std::function<std::uint16_t(int task_manager, std::uint16_t port)> port_shown;
  /// In which order, and in how many calls, tasks are deployed: 0 all at once per TaskManager; else one call per task,
  /// shuffled.
  unsigned shuffle_seed = 0;
  /// Slots have no threads: the test drives them. One TaskManager only.
  bool is_driven = false;
  const TimeSource* time = nullptr;  ///< null: the machine's
};

/// Lives on: the test's thread. The destructor stops everything.
class EngineCluster {
 public:
  using MakeGraph = std::function<StreamGraph()>;
  EngineCluster(ClusterSettings settings, MakeGraph make_graph);
  ~EngineCluster();

  /// Starts the runtimes. Errors: the first runtime's.
  Result<void> start();
  /// Subtask i of every vertex goes to slot i, TaskManager by TaskManager. Errors: the first runtime's.
  Result<void> deploy();
  void cancel();
  /// A slot's turn, see JobRuntime::drive_slot. @return  whether anything was done
  bool drive(std::uint32_t slot, const taskmanager::SlotLoop::ChooseTask& choose) {
    return members_[0]->runtime->drive_slot(slot, choose);
  }
  /// Waits until all tasks are in `state`, or one is FAILED. @return  whether all are
  bool wait_for(proto::TaskStatus status, std::chrono::milliseconds deadline = std::chrono::seconds(20));
  /// Waits until `count` tasks are in `state`. @return  whether they are
  bool wait_for_count(proto::TaskStatus status, std::size_t count,
                      std::chrono::milliseconds deadline = std::chrono::seconds(20));
  void stop();

  /// "Vertex (1/2): exception: message", one per failed task.
  std::vector<std::string> failures();
  std::vector<proto::TaskReport> reports();
  std::vector<proto::TaskCounters> counters();
  const plan::JobGraph& job_graph() const { return job_graph_; }
  taskmanager::JobRuntime& runtime(int task_manager) {
    return *members_[static_cast<std::size_t>(task_manager)]->runtime;
  }
  std::uint16_t port(int task_manager) const { return members_[static_cast<std::size_t>(task_manager)]->port; }
  const JobId& job() const { return job_; }
  std::string secret(int task_manager) const;
  /// Where `deploy` puts every task.
  plan::TaskTable table() const;
  proto::DeployTasksRequest request(const std::vector<plan::TaskIndex>& tasks) const;

 private:
  struct Member final : taskmanager::TaskRuntimeEvents {
    EngineCluster* cluster = nullptr;
    std::string id;
    std::unique_ptr<taskmanager::JobRuntime> runtime;
    std::mutex mutex;  // one call at a time into the runtime
    UniqueFd listener;
    std::uint16_t port = 0;
    std::atomic<bool> is_stopping{false};
    std::thread accepting;
    void on_task_status(proto::TaskReport report) override;
    void accept();
  };
  int task_manager_of(int subtask) const;
  std::uint32_t slot_of(int subtask) const;

  const ClusterSettings settings_;
  const MakeGraph make_graph_;
  const SystemClock clock_;
  plan::JobGraph job_graph_;
  JobId job_ = JobId::random();
  std::map<std::pair<std::size_t, int>, ExecutionId> executions_;
  std::vector<std::unique_ptr<Member>> members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, proto::TaskReport> last_;  // by execution; guarded by mutex_
  bool is_stopped_ = false;
};

/// A free port of loopback with a socket that listens on it.
struct LoopbackListener {
  UniqueFd fd;
  std::uint16_t port = 0;
};
LoopbackListener listen_on_loopback();
UniqueFd dial_loopback(std::uint16_t port);

/// Stands between a consumer and a data port, and does to the bytes what a test wants.
/// Lives on: threads of its own; the switches any thread.
class BadWire {
 public:
  explicit BadWire(std::uint16_t target);
  ~BadWire();
  std::uint16_t port() const { return port_; }
  /// Passes nothing on, in either direction, until it is taken back.
  std::atomic<bool> is_stalled{false};
  /// Flips a bit of the n-th byte that goes from producer to consumer; 0: none.
  std::atomic<std::uint64_t> flip_at{0};
  /// Ends the connection after so many bytes from producer to consumer; 0: never.
  std::atomic<std::uint64_t> cut_at{0};
  /// Ends only one direction at `cut_at`: the producer's, as a peer does that has closed its half.
  std::atomic<bool> closes_half{false};
  /// Ends with a reset at `cut_at` instead of a close.
  std::atomic<bool> resets{false};
  /// Bytes from producer to consumer so far.
  std::atomic<std::uint64_t> passed{0};
  void cut() { cut_at = 1; }

 private:
  void serve();
  void pass(int client, int server);

  const std::uint16_t target_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace weir::test
