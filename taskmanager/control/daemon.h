// The TaskManager: every part in the order in which it is built.
#pragma once

#include <boost/asio/signal_set.hpp>

#include <memory>
#include <optional>
#include <string>

#include "common/async/awake_clock.h"
#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/ids.h"
#include "common/base/sockets.h"
#include "common/gateway/rpc_binding.h"
#include "common/rpc/leader_fence.h"
#include "common/rpc/method_table.h"
#include "common/rpc/server.h"
#include "taskmanager/artefacts/artefact_cache.h"
#include "taskmanager/artefacts/rpc_blob_source.h"
#include "taskmanager/control/control_service.h"
#include "taskmanager/control/daemon_options.h"
#include "taskmanager/control/data_acceptor.h"
#include "taskmanager/control/job_manager_session.h"
#include "taskmanager/control/working_directory.h"
#include "taskmanager/jobs/output_file.h"
#include "taskmanager/jobs/slot_table.h"
#include "taskmanager/jobs/worker_table.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// Exit codes of the TaskManager: docs/operations.md.
inline constexpr int kEndedInOrder = 0;
inline constexpr int kCannotGoOn = 1;

/// Wires the parts; has no logic of its own.
/// Lives on: the control thread, which is the main thread: workers die with the thread that forked them. Owned by main.
class Daemon {
 public:
  /// @param control  not running yet
  Daemon(ControlThread& control, DaemonOptions options);
  ~Daemon();

  /// Binds the listeners, makes the working directory, writes the ports file.
  /// Errors: a sentence that names the option or the path at fault; nothing is left behind.
  Result<void> start();
  /// Until stop(), a signal (SIGTERM, SIGINT) or the end of the registration's time: then ends workers and connections.
  /// A second signal ends the process at once. @return  an exit code
  asio::awaitable<int> serve();
  void stop() { stop_.set(); }

  std::uint16_t rpc_port() const { return rpc_server_->port(); }
  std::uint16_t data_port() const { return acceptor_->port(); }

 private:
  Result<void> make_name(const ListenSocket& rpc);
  rpc::Node node();
  void make_session();
  Result<void> make_jobs();
  SessionEvents session_events();
  void describe(proto::RegisterRequest& request) const;
  void measure(proto::HeartbeatRequest& request) const;
  Result<void> write_ports(std::uint16_t rpc, std::uint16_t data) const;
  Async<void> wait_for_signals();

  // Set once
  ControlThread& control_;
  const DaemonOptions options_;
  const Incarnation incarnation_ = Incarnation::random();
  TaskManagerId id_;
  std::string host_;  // advertised
  std::uint16_t told_rpc_port_ = 0;
  std::uint16_t told_data_port_ = 0;
  // What everything stands on
  SystemClock machine_clock_;
  AwakeClock clock_;
  rpc::LeaderFence fence_;
  BlockingPool pool_;
  BlockingPool log_pool_{2};  // apart: a log directory that hangs does not keep artefacts from being fetched
  WorkingDirectory directory_;
  Event stop_;
  asio::signal_set signals_;
  int exit_code_ = kEndedInOrder;
  // The cluster: before the jobs, which report to it
  rpc::MethodTable methods_{{rpc::Role::job_manager}, fence_};
  std::unique_ptr<JobManagerSession> session_;
  // Jobs
  SlotTable slots_;
  OutputFile output_;
  std::optional<RpcBlobServers> blob_servers_;
  std::optional<ArtefactCache> artefacts_;
  std::optional<WorkerHandleContext> context_;
  std::optional<WorkerTable> workers_;
  std::optional<ControlService> service_;
  // Doors
  std::unique_ptr<rpc::Server> rpc_server_;
  std::unique_ptr<DataAcceptor> acceptor_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager
