// Which TaskManagers there are.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "common/plan/deployment.h"
#include "jobmanager/cluster/reconciliation.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_link.h"
#include "weir/result.h"

namespace weir::jobmanager {

struct RegistryOptions {
  std::chrono::milliseconds heartbeat_timeout{5'000};  ///< heartbeat.timeout
  std::chrono::milliseconds call_timeout{10'000};      ///< for the answer to end_job
  std::chrono::milliseconds retry_delay{500};          ///< between two tries at end_job
};

/// Hears of what happens to TaskManagers. Called on the control thread.
class TaskManagerListener {
 public:
  virtual ~TaskManagerListener() = default;
  /// Slots are free that were not before.
  virtual void on_slots_available() = 0;
  /// It is not in the registry any more; its tasks are over. `reason` is a sentence.
  virtual void on_task_manager_lost(const TaskManagerId& id, const std::string& reason) = 0;
};

/// One registered TaskManager.
struct RegisteredTaskManager {
  TaskManagerDescription description;
  std::shared_ptr<TaskManagerLink> link;
  bool is_connected = false;  ///< its slots count only from then on
  SteadyTime registered_at{};
  SteadyTime last_heartbeat{};
  WallTime last_heartbeat_wall{};
  std::uint64_t resident_bytes = 0;
  std::unique_ptr<Reconciliation> reconciliation;
  std::vector<Incarnation> superseded;  ///< earlier processes of this id: refused while this one is registered
};

/// Knows TaskManagers from their registration to their loss, keeps a link to each, and their slots in the pool.
/// Lives on: the control thread. Owned by the daemon. start() -> ... -> co_await close().
/// A TaskManager is lost when its link says so, when no heartbeat came for heartbeat.timeout, when it can't be reached
/// for that long, or when another incarnation of it registers.
class TaskManagerRegistry {
 public:
  TaskManagerRegistry(asio::any_io_executor executor, Clock& clock, TaskManagerDialler& dialler, SlotPool& slots,
                      RegistryOptions options);

  /// @param listener   outlives the registry
  void start(TaskManagerListener& listener);
  /// Waits for jobs that are being ended, at most until `deadline`, then closes all links.
  Async<void> close(SteadyTime deadline);

  /// Takes a registration. The same incarnation may come again and keeps its slots.
  /// @param workers   that are there
  /// @return          those of them that have no business there, because their jobs have no slot there: they must end
  /// Errors: invalid_argument: no slots, no host, no port; already_exists: another process has taken this id since.
  Result<std::vector<plan::JobWorker>> add(TaskManagerDescription description,
                                           const std::vector<plan::JobWorker>& workers);
  /// Compares what the TaskManager has with what we believe, as a heartbeat reports it. Nothing when it is not
  /// registered.
  Differences reconcile(const TaskManagerId& id, const Belief& believed, const std::set<JobExecution>& reported);
  /// @return false when it must register again
  bool heartbeat(const TaskManagerId& id, const Incarnation& incarnation, std::uint64_t resident_bytes);
  /// The job is over: its workers of this and earlier generations end, in the background. Each TaskManager's slots are
  /// free as soon as it has confirmed that (or is lost).
  void end_job(const plan::JobWorker& worker);
  /// The same on one TaskManager only: the job goes on elsewhere. Asks until the TaskManager has confirmed it.
  /// @return  false: the TaskManager was lost before that
  Async<bool> end_worker(plan::JobWorker worker, TaskManagerId id);

  bool is_registered(const TaskManagerId& id, const Incarnation& incarnation) const;
  const RegisteredTaskManager* find(const TaskManagerId& id) const;
  /// Null when it is not registered.
  std::shared_ptr<TaskManagerLink> link(const TaskManagerId& id) const;
  /// In order of registration.
  std::vector<const RegisteredTaskManager*> all() const;

 private:
  RegisteredTaskManager* find_incarnation(const TaskManagerId& id, const Incarnation& incarnation);
  void on_connected(const TaskManagerId& id, const Incarnation& incarnation);
  void lose(const TaskManagerId& id, const std::string& reason);
  void dial(RegisteredTaskManager& entry);
  Async<void> watch_heartbeats();
  Async<void> end_in_background(plan::JobWorker worker, TaskManagerId id);
  Async<void> close_link(std::shared_ptr<TaskManagerLink> link);

  // Set once
  Clock& clock_;
  TaskManagerDialler& dialler_;
  SlotPool& slots_;
  const RegistryOptions options_;
  TaskManagerListener* listener_ = nullptr;
  // Control thread only
  std::vector<std::unique_ptr<RegisteredTaskManager>> entries_;
  TaskScope closing_;  ///< links on their way out: waited for, not cancelled
  TaskScope scope_;
};

}  // namespace weir::jobmanager
