#include "common/config/endpoints.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/checksum.h"
#include "common/base/try.h"
#include "common/config/check.h"
#include "common/config/cluster_options.h"
#include "common/config/network_options.h"
#include "common/config/words.h"

namespace weir::config {
namespace {

/// Of a listener whose peers prove nothing.
Result<std::string> open_bind_host(const Configuration& configuration, const Option<std::string>& option) {
  TRY(std::string host, configuration.get(option));
  Result<void> allowed = check_listener(host, configuration);
  if (!allowed.ok()) return configuration.placed(allowed.error().within(std::string(option.key)), option.key);
  return host;
}

/// A daemon that announces an address where nobody can connect would look ready and wait for ever.
Result<void> check_announced(const Listener& listener, std::string_view address_key, std::string_view bind_key,
                             const Configuration& configuration) {
  if (!listener.advertised_host || is_loopback(*listener.advertised_host) || !is_loopback(listener.bind_host))
    return {};
  return configuration.placed(
      Error::user(
          ErrorCode::failed_precondition,
          fmt::format("{}: other machines would connect to {}, but {} is {}, which only this machine can reach; "
                      "set {}: 0.0.0.0, or {}: localhost",
                      address_key, in_quotes(*listener.advertised_host), bind_key, listener.bind_host, bind_key,
                      address_key)),
      address_key);
}

/// A port to tell others; 0 means whichever was bound.
std::optional<std::uint16_t> told(std::uint16_t port) { return port == 0 ? std::nullopt : std::optional(port); }

std::vector<std::string> separated(std::string_view text) {
  if (text.starts_with('[')) return Value<List>::parse(text).value_or(List());
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t end = std::min(text.find_first_of(",:;"), text.size());
    std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

Result<Listener> jobmanager_rpc_listener(const Configuration& configuration) {
  Listener listener;
  TRY(listener.bind_host, configuration.get(kJobManagerBindHost));
  TRY(listener.advertised_host, configuration.find(kJobManagerRpcAddress));
  TRY(std::uint16_t port, configuration.get(kJobManagerRpcPort));
  TRY(std::optional<std::uint16_t> bind_port, configuration.find(kJobManagerRpcBindPort));
  listener.bind_ports = single_port(bind_port.value_or(port));
  listener.ports_option = bind_port ? kJobManagerRpcBindPort.key : kJobManagerRpcPort.key;
  listener.advertised_port = told(port);
  TRY_VOID(check_announced(listener, kJobManagerRpcAddress.key, kJobManagerBindHost.key, configuration));
  return listener;
}

Result<Listener> rest_listener(const Configuration& configuration) {
  Listener listener;
  TRY(listener.bind_host, open_bind_host(configuration, kRestBindAddress));
  TRY(Endpoint endpoint, rest_endpoint(configuration));
  TRY(std::optional<PortRange> bind_ports, configuration.find(kRestBindPort));
  listener.bind_ports = bind_ports.value_or(single_port(endpoint.port));
  listener.ports_option = bind_ports ? kRestBindPort.key : kRestPort.key;
  listener.advertised_host = endpoint.host;
  // A range means that the port is known only once it is bound.
  if (!bind_ports) listener.advertised_port = told(endpoint.port);
  return listener;
}

Result<Listener> blob_listener(const Configuration& configuration) {
  Listener listener;
  TRY(listener.bind_host, configuration.get(kJobManagerBindHost));
  TRY(listener.advertised_host, configuration.find(kJobManagerRpcAddress));
  TRY(listener.bind_ports, configuration.get(kBlobServerPort));
  listener.ports_option = kBlobServerPort.key;
  return listener;
}

Result<Listener> taskmanager_rpc_listener(const Configuration& configuration) {
  Listener listener;
  TRY(listener.bind_host, configuration.get(kTaskManagerBindHost));
  TRY(listener.advertised_host, configuration.find(kTaskManagerHost));
  TRY(PortRange ports, configuration.get(kTaskManagerRpcPort));
  TRY(std::optional<std::uint16_t> bind_port, configuration.find(kTaskManagerRpcBindPort));
  bool is_single = ports.spans.size() == 1 && ports.spans[0].first == ports.spans[0].last;
  if (bind_port && is_single) listener.advertised_port = told(ports.spans[0].first);
  listener.bind_ports = bind_port ? single_port(*bind_port) : ports;
  listener.ports_option = bind_port ? kTaskManagerRpcBindPort.key : kTaskManagerRpcPort.key;
  TRY_VOID(check_announced(listener, kTaskManagerHost.key, kTaskManagerBindHost.key, configuration));
  return listener;
}

Result<Listener> taskmanager_data_listener(const Configuration& configuration) {
  Listener listener;
  TRY(listener.bind_host, configuration.get(kTaskManagerBindHost));
  TRY(listener.advertised_host, configuration.find(kTaskManagerHost));
  TRY(std::uint16_t port, configuration.get(kTaskManagerDataPort));
  TRY(std::optional<PortRange> bind_ports, configuration.find(kTaskManagerDataBindPort));
  listener.bind_ports = bind_ports.value_or(single_port(port));
  listener.ports_option = bind_ports ? kTaskManagerDataBindPort.key : kTaskManagerDataPort.key;
  listener.advertised_port = told(port);
  return listener;
}

std::vector<std::string> jobmanager_reach_warnings(const Configuration& configuration) {
  const auto address = configuration.find(kRestAddress);
  const auto bound = configuration.get(kRestBindAddress);
  if (!address.ok() || !bound.ok() || !address.value()) return {};  // a wrong value has been reported
  if (is_loopback(**address) || !is_loopback(bound.value())) return {};
  return {fmt::format("{} is {}, but {} is {}: other machines reach the REST API only through a proxy on this one",
                      kRestAddress.key, in_quotes(**address), kRestBindAddress.key, bound.value())};
}

std::vector<std::string> taskmanager_reach_warnings(const Configuration& configuration) {
  const auto job_manager = configuration.get(kJobManagerRpcAddress);
  const auto bound = configuration.get(kTaskManagerBindHost);
  if (!job_manager.ok() || !bound.ok() || is_loopback(job_manager.value()) || !is_loopback(bound.value())) return {};
  return {
      fmt::format("{} is {}, but {} is {}: a JobManager on another machine cannot reach this TaskManager; set {}: "
                  "0.0.0.0",
                  kJobManagerRpcAddress.key, in_quotes(job_manager.value()), kTaskManagerBindHost.key, bound.value(),
                  kTaskManagerBindHost.key)};
}

Result<Endpoint> jobmanager_endpoint(const Configuration& configuration) {
  Endpoint endpoint;
  TRY(endpoint.host, configuration.get(kJobManagerRpcAddress));
  TRY(endpoint.port, configuration.get(kJobManagerRpcPort));
  return endpoint;
}

Result<Endpoint> rest_endpoint(const Configuration& configuration) {
  Endpoint endpoint;
  TRY(std::optional<std::string> host, configuration.find(kRestAddress));
  TRY(endpoint.host, host ? Result<std::string>(*host) : configuration.get(kJobManagerRpcAddress));
  TRY(endpoint.port, configuration.get(kRestPort));
  return endpoint;
}

Result<ClusterId> cluster_id(const Configuration& configuration) {
  TRY(std::string name, configuration.get(kClusterId));
  Result<ClusterId> id = ClusterId::from_hex(name);
  if (id.ok()) return id;
  return ClusterId(xxh3_128(name));
}

Result<std::vector<std::string>> temporary_directories(const Configuration& configuration) {
  Result<std::string> text = configuration.get(kTemporaryDirectories);
  if (!text.ok()) return text.error();
  std::vector<std::string> directories = separated(text.value());
  if (directories.empty())
    return Error::user(ErrorCode::invalid_argument, fmt::format("{} names no directory", kTemporaryDirectories.key));
  for (const std::string& directory : directories) {
    if (directory.starts_with('/')) continue;
    return configuration.placed(Error::user(ErrorCode::invalid_argument,
                                            fmt::format("{}: {} is not an absolute path, which begins with a slash",
                                                        kTemporaryDirectories.key, in_quotes(directory))),
                                kTemporaryDirectories.key);
  }
  return directories;
}

}  // namespace weir::config
