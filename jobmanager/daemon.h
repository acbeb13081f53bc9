// The JobManager: every part in the order in which it is built.
#pragma once

#include <boost/asio/signal_set.hpp>

#include <memory>
#include <string>
#include <vector>

#include "common/async/awake_clock.h"
#include "common/async/clock.h"
#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/async/task.h"
#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "common/config/configuration.h"
#include "common/gateway/rpc_binding.h"
#include "common/http/http_server.h"
#include "common/rpc/leader_fence.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"
#include "common/rpc/server.h"
#include "common/storage/local_file_system.h"
#include "jobmanager/backend/control_cluster_backend.h"
#include "jobmanager/backend/control_jar_backend.h"
#include "jobmanager/backend/control_job_backend.h"
#include "jobmanager/blob/artefact_sweeper.h"
#include "jobmanager/blob/blob_service.h"
#include "jobmanager/blob/blob_store.h"
#include "jobmanager/cluster/resource_driver.h"
#include "jobmanager/cluster/rpc_dialler.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/daemon_options.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/dispatcher/job_manager_service.h"
#include "jobmanager/dispatcher/submission.h"
#include "jobmanager/rest/rest_api.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// Wires the parts; has no logic of its own.
/// Lives on: the control thread. Owned by main. Made before the control thread runs, then run() on it, once.
class Daemon {
 public:
  /// @param control       not running yet
  /// @param read_library  lists the jobs of a library
  Daemon(ControlThread& control, DaemonOptions options, LibraryReader read_library);
  ~Daemon();

  /// Binds all listeners, opens the store, writes the ports file; serves until stop() or a signal (SIGTERM, SIGINT);
  /// then ends jobs and connections in order. A second signal ends the process at once. Errors: why it did not start: a
  /// sentence that names the option or the path at fault. Nothing is left behind.
  Async<Result<void>> run();
  void stop();

  std::uint16_t rest_port() const { return http_->port(); }
  std::uint16_t rpc_port() const { return rpc_server_->port(); }
  std::uint16_t blob_port() const { return blob_server_->port(); }

 private:
  rpc::Node node();
  Result<void> start();
  Result<void> open_store();
  Result<void> listen();
  Result<void> start_rest();
  Result<void> write_ports() const;
  Async<void> drain();
  Async<void> wait_for_signals();

  // Set once
  ControlThread& control_;
  const DaemonOptions options_;
  const LibraryReader read_library_;
  const Incarnation incarnation_ = Incarnation::random();
  UniqueFd store_lock_;
  // What everything stands on
  SystemClock machine_clock_;
  AwakeClock clock_;
  LocalFileSystem files_;
  rpc::LeaderClaim leadership_;
  PlainLeaderEpoch epoch_{kLeaderEpoch};
  BlockingPool pool_;
  BlockingPool planner_pool_{kPlannersMax};
  Event stop_;
  asio::signal_set signals_;
  // The cluster and its jobs
  SlotPool slots_;
  StandaloneDriver resources_;
  RpcDialler dialler_;
  TaskManagerRegistry task_managers_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Submission> submission_;
  std::unique_ptr<ArtefactSweeper> sweeper_;
  // Doors: RPC, blobs, REST
  std::unique_ptr<JobManagerService> service_;
  std::unique_ptr<BlobService> blob_service_;
  rpc::MethodTable methods_{{rpc::Role::task_manager}, leadership_};
  rpc::MethodTable blob_methods_{{rpc::Role::task_manager}};
  std::unique_ptr<rpc::Server> rpc_server_;
  std::unique_ptr<rpc::Server> blob_server_;
  std::unique_ptr<ControlClusterBackend> cluster_backend_;
  std::unique_ptr<ControlJobBackend> job_backend_;
  std::unique_ptr<ControlJarBackend> jar_backend_;
  std::unique_ptr<rest::RestApi> rest_api_;
  std::unique_ptr<http::HttpServer> http_;
  TaskScope scope_;
};

}  // namespace weir::jobmanager
