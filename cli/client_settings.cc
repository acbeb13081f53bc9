#include "cli/client_settings.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/base/try.h"
#include "common/config/configuration.h"
#include "common/config/load.h"
#include "common/config/network_options.h"
#include "common/config/options.h"

namespace weir::cli {

namespace {

std::string configuration_directory(const std::string& program, const std::map<std::string, std::string>& environment) {
  for (const char* name : {"WEIR_CONF_DIR", "FLINK_CONF_DIR"}) {
    auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  std::error_code error;
  std::filesystem::path beside = std::filesystem::path(program).parent_path().parent_path() / "conf";
  bool has_file = std::filesystem::exists(beside / "config.yaml", error) ||
                  std::filesystem::exists(beside / "flink-conf.yaml", error);
  return has_file ? beside.string() : "";
}

}  // namespace

Result<config::Configuration> client_configuration(const std::string& program,
                                                   const std::map<std::string, std::string>& environment,
                                                   const std::vector<std::string>& dynamic) {
  config::Sources sources;
  sources.directory = configuration_directory(program, environment);
  sources.environment = environment;
  sources.dynamic = dynamic;
  TRY(config::Loaded loaded, config::load(sources));
  return std::move(loaded.configuration);
}

Result<ClientSettings> client_settings(const config::Configuration& configuration, const std::string& address) {
  ClientSettings settings;
  TRY(std::uint16_t port, configuration.get(config::kRestPort));
  if (!address.empty()) {
    TRY(settings.address, http::Address::parse(address, port));
  } else {
    TRY(std::optional<std::string> host, configuration.find(config::kRestAddress));
    TRY(std::string rpc_host, configuration.get(config::kJobManagerRpcAddress));
    settings.address.host = host.value_or(rpc_host);
    settings.address.port = std::to_string(port);
  }
  TRY(config::Duration connect, configuration.get(config::kRestConnectionTimeout));
  TRY(ByteCount answer, configuration.get(config::kRestClientMaxContentLength));
  TRY(const config::Duration patience, configuration.get(config::kClientTimeout));
  TRY(config::Duration submit, configuration.get(config::kWebTimeout));
  settings.submit_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(submit);
  TRY(config::Duration delay, configuration.get(config::kRestRetryDelay));
  TRY(settings.retries_max, configuration.get(config::kRestRetryMaxAttempts));
  settings.http.read_timeout =
      std::max(std::chrono::duration_cast<std::chrono::milliseconds>(patience), std::chrono::milliseconds(1));
  settings.http.connect_timeout =
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(connect), settings.http.read_timeout);
  settings.http.body_bytes_max = answer.bytes();
  settings.retry_delay = std::chrono::duration_cast<std::chrono::milliseconds>(delay);
  return settings;
}

Result<std::map<std::string, std::string>> job_settings(const std::vector<std::string>& dynamic) {
  static const std::set<std::string> kOurs = {"client.timeout",
                                              "jobmanager.rpc.address",
                                              "rest.address",
                                              "rest.client.max-content-length",
                                              "rest.connection-timeout",
                                              "rest.port",
                                              "rest.retry.delay",
                                              "rest.retry.max-attempts"};
  TRY(config::Configuration given, config::parse_dynamic(dynamic));
  std::map<std::string, std::string> settings;
  for (const auto& [key, setting] : given.settings()) {
    if (!kOurs.contains(key)) settings[key] = setting.value;
  }
  return settings;
}

}  // namespace weir::cli
