// TaskManagers that exist only as far as the JobManager can tell.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "common/gateway/job_manager_gateway.h"
#include "common/gateway/task_manager_gateway.h"
#include "common/plan/deployment.h"
#include "jobmanager/cluster/task_manager_link.h"

namespace weir::sim {

/// How often things go wrong, in percent.
struct Mischief {
  std::uint32_t deploy_refused = 3;
  std::uint32_t task_fails = 1;
  std::uint32_t task_never_ends = 10;
  std::uint32_t ignores_cancel = 5;
  std::uint32_t report_doubled = 20;
  std::uint32_t call_lost = 5;  ///< done, but the answer does not arrive
};

/// Stands in for a TaskManager and its workers behind the gateway. Registers, heartbeats, takes tasks, reports what
/// becomes of them, dies, hangs and comes back as a new incarnation. Lives on: the simulation's thread. Owned by the
/// simulation; close() before its end.
class SimTaskManager final : public TaskManagerGateway {
 public:
  SimTaskManager(std::string name, std::uint32_t slots, asio::any_io_executor executor, Clock& clock,
                 JobManagerGateway& job_manager, std::mt19937_64& random, Mischief mischief);

  void start();                   ///< a new incarnation begins to register
  void die();                     ///< the process is gone: all its links break
  void hang() { hangs_ = true; }  ///< answers nothing, says nothing
  void recover() { hangs_ = false; }
  /// One job's worker is gone, and nobody says so.
  void lose_a_worker();
  Async<void> close();

  bool is_alive() const { return alive_; }
  bool hangs() const { return hangs_; }
  const std::string& name() const { return name_; }
  const Incarnation& incarnation() const { return incarnation_; }
  std::set<std::string> jobs() const;  ///< that have a worker here
  int registrations() const { return registrations_; }
  /// The task is here and not over.
  bool runs(const ExecutionId& execution) const;
  /// Promises that the JobManager broke, in words.
  const std::vector<std::string>& broken_promises() const { return broken_promises_; }

  /// The other end of a dialled link; events are told as a connection would tell them.
  void attach(jobmanager::LinkEvents events, const Incarnation& wanted, const void* link);
  void detach(const void* link);

  Async<proto::DeployReply> deploy(proto::DeployRequest request, SteadyTime deadline) override;
  Async<proto::CancelTasksReply> cancel_tasks(proto::CancelTasksRequest request, SteadyTime deadline) override;
  Async<proto::EndJobReply> end_job(proto::EndJobRequest request, SteadyTime deadline) override;
  Async<proto::ListLogsReply> list_logs(proto::ListLogsRequest request, SteadyTime deadline) override;
  Async<proto::ReadLogReply> read_log(proto::ReadLogRequest request, SteadyTime deadline) override;

 private:
  struct Task {
    std::string job;
    plan::Generation generation;
    std::uint32_t slot = 0;
    bool over = false;
  };
  struct Report {
    std::string job;
    std::string execution;
    int state = 0;
    bool failed = false;
  };

  bool chance(std::uint32_t percent) { return random_() % 100 < percent; }
  std::chrono::milliseconds some_time(std::uint32_t most_ms) { return std::chrono::milliseconds(random_() % most_ms); }
  bool is_gone(const Incarnation& incarnation) const { return !alive_ || incarnation_ != incarnation; }
  Async<Result<void>> travel(SteadyTime deadline);
  void end_worker(const std::string& job, const plan::Generation& generation);
  void say(const std::string& execution, int state, bool failed);
  Async<void> live(Incarnation incarnation);
  void end_strangers(const proto::HeartbeatReply& reply);
  Async<void> run_task(Incarnation incarnation, std::string execution);
  Async<void> send_reports(Incarnation incarnation);
  Async<void> connect_later(const void* link);

  // Set once
  const std::string name_;
  const std::uint32_t slots_;
  asio::any_io_executor executor_;
  Clock& clock_;
  JobManagerGateway& job_manager_;
  std::mt19937_64& random_;
  const Mischief mischief_;
  // Simulation thread only
  bool alive_ = false;
  bool hangs_ = false;
  Incarnation incarnation_;
  int registrations_ = 0;
  std::map<std::string, Task> tasks_;  ///< by execution
  std::map<std::uint32_t, std::string> slot_jobs_;
  std::deque<Report> reports_;
  struct Link {
    jobmanager::LinkEvents events;
    Incarnation wanted;
  };
  std::map<const void*, Link> links_;
  std::vector<std::string> broken_promises_;
  TaskScope scope_;
};

/// Finds simulated TaskManagers by the port that they registered with.
class SimDialler final : public jobmanager::TaskManagerDialler {
 public:
  void add(std::uint16_t port, SimTaskManager& task_manager) { by_port_[port] = &task_manager; }
  std::shared_ptr<jobmanager::TaskManagerLink> dial(const jobmanager::TaskManagerDescription& description,
                                                    jobmanager::LinkEvents events) override;

 private:
  std::map<std::uint16_t, SimTaskManager*> by_port_;
};

}  // namespace weir::sim
