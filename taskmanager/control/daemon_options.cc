#include "taskmanager/control/daemon_options.h"

#include <utility>

#include "common/base/try.h"
#include "common/config/cluster_options.h"
#include "common/config/network_options.h"

namespace weir::taskmanager {
namespace {

std::chrono::milliseconds milliseconds(config::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Result<void> read_network(const config::Configuration& configuration, DaemonOptions& options) {
  TRY(options.cluster, config::cluster_id(configuration));
  TRY(options.rpc, config::taskmanager_rpc_listener(configuration));
  TRY(options.data, config::taskmanager_data_listener(configuration));
  TRY(options.job_manager, config::jobmanager_endpoint(configuration));
  TRY(const auto frame, configuration.get(config::kRpcMaxFrameBytes));
  TRY(const auto backoff, configuration.get(config::kRpcReconnectBackoffMax));
  TRY(const auto keep, configuration.get(config::kRpcReturnTimeout));
  options.rpc_limits.payload_bytes_max = frame.bytes();
  options.rpc_limits.backoff_max = milliseconds(backoff);
  options.rpc_limits.keep_time = milliseconds(keep);
  TRY(options.blob_retries, configuration.get(config::kBlobFetchRetries));
  return {};
}

Result<void> read_times(const config::Configuration& configuration, DaemonOptions& options) {
  TRY(options.heartbeat_interval, configuration.get(config::kHeartbeatInterval));
  TRY(options.heartbeat_timeout, configuration.get(config::kHeartbeatTimeout));
  options.rpc_limits.silence_max = rpc::silence_max(options.heartbeat_timeout);
  TRY(options.call_timeout, configuration.get(config::kRpcAskTimeout));
  TRY(options.registration_timeout, configuration.get(config::kTaskManagerRegistrationTimeout));
  TRY(options.worker_start_timeout, configuration.get(config::kWorkerStartTimeout));
  TRY(options.cancellation_timeout, configuration.get(config::kTaskCancellationTimeout));
  TRY(options.cancellation_interval, configuration.get(config::kTaskCancellationInterval));
  TRY(const auto transfer, configuration.get(config::kBlobClientSocketTimeout));
  options.blob_read_timeout = std::max(milliseconds(transfer), std::chrono::milliseconds(1));
  return {};
}

Result<void> read_workers(const config::Configuration& configuration, DaemonOptions& options) {
  TRY(const auto environment, configuration.find(config::kWorkerEnvironment));
  options.worker_environment = worker_environment(options.facts.home, environment.value_or(config::Map()));
  TRY(const auto output, configuration.get(config::kWorkerMaxOutputBytes));
  TRY(const auto record, configuration.get(config::kMaxRecordBytes));
  TRY(const auto spin, configuration.get(config::kSlotSpin));
  options.worker_output_bytes_max = output.bytes();
  options.record_bytes_max = record.bytes();
  options.spin_us = static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(spin).count());
  return {};
}

}  // namespace

Result<DaemonOptions> read_daemon_options(const config::Configuration& configuration,
                                          const config::MemoryLimits& limits, ProcessFacts facts) {
  DaemonOptions options;
  options.facts = std::move(facts);
  TRY_VOID(read_network(configuration, options));
  TRY_VOID(read_times(configuration, options));
  TRY_VOID(read_workers(configuration, options));
  TRY(options.resource_id, configuration.find(config::kTaskManagerResourceId));
  TRY(const int slots, configuration.get(config::kTaskManagerSlots));
  options.slots = static_cast<std::uint32_t>(slots);
  TRY(options.memory, config::divide_memory(configuration, limits));
  options.memory_limits = limits;
  TRY(options.io_threads, configuration.get(config::kIoPoolSize));
  TRY(const auto directories, config::temporary_directories(configuration));
  options.temporary_parent = directories.front();
  return options;
}

std::vector<std::string> worker_environment(const std::string& home, const config::Map& allowed) {
  config::Map variables{{"TZ", "UTC"}, {"LANG", "C.UTF-8"}, {"LD_LIBRARY_PATH", home + "/lib:" + home + "/usrlib"}};
  for (const auto& [name, value] : allowed) variables[name] = value;
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace weir::taskmanager
