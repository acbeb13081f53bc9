// What a TaskManager is configured with, read from the configuration once.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/config/configuration.h"
#include "common/config/endpoints.h"
#include "common/config/memory.h"
#include "common/rpc/cluster_secret.h"
#include "common/rpc/identity.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// What the command line and the place of the program say.
struct ProcessFacts {
  std::string home;        ///< WEIR_HOME
  std::string executable;  ///< this program
  std::string log_directory;
  std::string log_stem;    ///< `<log_directory>/<log_stem>.log`, `.out`
  std::string ports_file;  ///< empty: none
};

/// Values, no files or sockets yet.
struct DaemonOptions {
  ProcessFacts facts;
  ClusterId cluster;
  config::Listener rpc;
  config::Listener data;
  config::Endpoint job_manager;
  rpc::Limits rpc_limits;
  rpc::ClusterSecret secret = rpc::ClusterSecret::random();  ///< until the cluster's own is read
  std::optional<std::string> resource_id;
  std::uint32_t slots = 1;
  config::MemoryBudget memory;
  config::MemoryLimits memory_limits;
  std::string temporary_parent;
  std::vector<std::string> worker_environment;  ///< "NAME=value"
  std::uint64_t worker_output_bytes_max = 0;
  std::uint64_t record_bytes_max = 0;
  int blob_retries = 5;
  std::uint32_t spin_us = 0;
  int io_threads = 4;
  std::chrono::nanoseconds heartbeat_interval{};
  std::chrono::nanoseconds heartbeat_timeout{};
  std::chrono::nanoseconds call_timeout{};
  std::chrono::nanoseconds registration_timeout{};
  std::chrono::nanoseconds worker_start_timeout{};
  std::chrono::nanoseconds cancellation_timeout{};
  std::chrono::nanoseconds cancellation_interval{};
  std::chrono::milliseconds blob_read_timeout{300'000};
};

/// Reads every option that the TaskManager uses.
/// Errors: those of Configuration::get, of the listeners and of the division of memory.
Result<DaemonOptions> read_daemon_options(const config::Configuration& configuration,
                                          const config::MemoryLimits& limits, ProcessFacts facts);

/// What a worker sees of variables: TZ, LANG, LD_LIBRARY_PATH of the distribution, and what
/// containerized.taskmanager.env.* adds or replaces. Pure.
std::vector<std::string> worker_environment(const std::string& home, const config::Map& allowed);

}  // namespace weir::taskmanager
