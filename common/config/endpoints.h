// Where the daemons listen and where they are reached, with the options that stand in for each other resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/config/configuration.h"
#include "weir/result.h"

namespace weir::config {

/// Where to dial.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

/// Where to listen, and what to tell others.
struct Listener {
  std::string bind_host;
  PortRange bind_ports;                          ///< tried in order until one is free
  std::string_view ports_option;                 ///< the key that says them
  std::optional<std::string> advertised_host;    ///< nothing: the daemon finds its address itself
  std::optional<std::uint16_t> advertised_port;  ///< nothing: the port that was bound
};

/// The five listeners. Errors: a wrong value; failed_precondition for one that other machines can reach while nobody
/// allowed that (see check_listener), and for an RPC listener on loopback whose announced address is not loopback.
Result<Listener> jobmanager_rpc_listener(const Configuration& configuration);
Result<Listener> rest_listener(const Configuration& configuration);
Result<Listener> blob_listener(const Configuration& configuration);
Result<Listener> taskmanager_rpc_listener(const Configuration& configuration);
Result<Listener> taskmanager_data_listener(const Configuration& configuration);

/// Sentences for the log and for --check about listeners that start, but that others may be unable to reach.
std::vector<std::string> jobmanager_reach_warnings(const Configuration& configuration);
std::vector<std::string> taskmanager_reach_warnings(const Configuration& configuration);

/// Where TaskManagers find the JobManager.
Result<Endpoint> jobmanager_endpoint(const Configuration& configuration);
/// Where clients find the REST API.
Result<Endpoint> rest_endpoint(const Configuration& configuration);

/// cluster.id as an id: 32 hexadecimal digits are taken as they are, any other name by its XXH3.
Result<ClusterId> cluster_id(const Configuration& configuration);

/// io.tmp.dirs, separated by commas, colons or semicolons, or as a YAML list.
/// Errors: invalid_argument when there is none, and for one that is relative.
Result<std::vector<std::string>> temporary_directories(const Configuration& configuration);

}  // namespace weir::config
