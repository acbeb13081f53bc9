// The cluster and its TaskManagers, for the REST API.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/rest/backend.h"

namespace weir::jobmanager {

/// Puts each question to the control thread and hands an immutable value back.
/// Its functions are called on REST threads; everything else of it lives on the control thread. Owned by the daemon;
/// outlives the HTTP server.
class ControlClusterBackend final : public rest::ClusterBackend {
 public:
  /// @param shut_down  ends the daemon in order; called on the control thread
  ControlClusterBackend(asio::any_io_executor control, Clock& clock, const Dispatcher& dispatcher,
                        const TaskManagerRegistry& task_managers, const SlotPool& slots,
                        std::function<void()> shut_down);

  /// Drops questions that are being worked at. After the HTTP server has stopped.
  Async<void> close() { return scope_.close(); }

  void overview(rest::Reply<rest::Shared<ClusterOverview>> reply) override;
  void task_managers(rest::Reply<rest::Shared<std::vector<TaskManagerDetails>>> reply) override;
  void list_logs(std::string task_manager_id, rest::Reply<std::vector<rest::LogFile>> reply) override;
  void read_log(std::string task_manager_id, rest::LogChoice choice, std::uint64_t offset,
                rest::Reply<rest::LogPiece> reply) override;
  void shut_down(rest::Reply<void> reply) override;

 private:
  rest::Shared<ClusterOverview> overview_now() const;
  rest::Shared<std::vector<TaskManagerDetails>> task_managers_now() const;
  Async<std::vector<rest::LogFile>> log_files(std::string id);
  Async<rest::LogPiece> log_piece(std::string id, rest::LogChoice choice, std::uint64_t offset);
  Result<std::shared_ptr<TaskManagerLink>> link_to(const std::string& id) const;

  // Set once
  asio::any_io_executor control_;
  Clock& clock_;
  const Dispatcher& dispatcher_;
  const TaskManagerRegistry& registry_;
  const SlotPool& slots_;
  std::function<void()> shut_down_;
  // Control thread only
  TaskScope scope_;
};

}  // namespace weir::jobmanager
