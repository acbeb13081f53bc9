// What a JobManager is configured with, read from the configuration once.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/sockets.h"
#include "common/config/configuration.h"
#include "common/config/endpoints.h"
#include "common/http/server_options.h"
#include "common/rpc/cluster_secret.h"
#include "common/rpc/identity.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/dispatcher/submission.h"
#include "jobmanager/rest/services.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// What the command line and the place of the program say.
struct ProcessFacts {
  std::string home;        ///< WEIR_HOME
  std::string planner;     ///< path of `weir`
  std::string log_file;    ///< empty: none
  std::string ports_file;  ///< empty: none
  std::vector<std::string> program_options;
  std::string revision = "unknown";  ///< commit that was built
};

/// Planners that may run at once; more submissions wait.
inline constexpr int kPlannersMax = 2;
/// In which a JobManager without high availability leads.
inline constexpr std::uint64_t kLeaderEpoch = 1;

/// Values, no files or sockets yet.
struct DaemonOptions {
  ProcessFacts facts;
  ClusterId cluster;
  config::Listener rpc, blob, rest;
  rpc::Limits rpc_limits;
  rpc::ClusterSecret secret = rpc::ClusterSecret::random();  ///< until the cluster's own is read
  RegistryOptions registry;
  std::chrono::milliseconds heartbeat_interval{1'000};
  DispatcherOptions dispatcher;
  SubmissionOptions submission;
  http::ServerOptions http;
  rest::RestSettings rest_settings;
  std::string store_directory;      ///< kept after the end
  std::string temporary_directory;  ///< made at the start, removed at the end; never empty
  std::size_t io_threads = 4;
  int blob_reads_max = 50;  ///< at once
  std::chrono::milliseconds shutdown_timeout{
      3'000};  ///< cluster.services.shutdown-timeout: for TaskManagers to answer that they have ended jobs
};

/// Ports in the form in which sockets take them.
std::vector<PortRange> socket_ports(const config::PortRange& ports);

/// Reads every option that the JobManager uses. Pure but for the random name of the temporary directory.
/// Errors: those of Configuration::get and of the listeners.
Result<DaemonOptions> read_daemon_options(const config::Configuration& configuration, ProcessFacts facts);

}  // namespace weir::jobmanager
