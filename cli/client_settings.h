#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/config/configuration.h"
#include "common/http/http_client.h"
#include "weir/result.h"

namespace weir::cli {

/// Where the JobManager is and how patient the client is.
struct ClientSettings {
  http::Address address;
  http::ClientOptions http;
  std::chrono::milliseconds submit_timeout{
      600'000};                                  ///< for an upload's check and a plan: as long as the server may take
  int retries_max = 20;                          ///< of a question that may be repeated
  std::chrono::milliseconds retry_delay{3'000};  ///< between two of them
};

/// Layers the configuration file, the environment and -D.
/// The file is looked for in WEIR_CONF_DIR, else FLINK_CONF_DIR, else the `conf` folder beside the program's `bin`;
/// without one the defaults hold (localhost:8081).
/// @param program  path of this program
/// @param dynamic  the key=value of each -D
/// Errors: invalid_argument for a -D without '='; what reading the file says.
Result<config::Configuration> client_configuration(const std::string& program,
                                                   const std::map<std::string, std::string>& environment,
                                                   const std::vector<std::string>& dynamic);

/// Takes what the client needs out of its configuration.
/// @param address  of -m; empty when not given
/// Errors: invalid_argument for an address or a setting that is malformed.
Result<ClientSettings> client_settings(const config::Configuration& configuration, const std::string& address);

/// The settings of -D that go with a job: all but those of the client itself.
/// Errors: invalid_argument for one without '='.
Result<std::map<std::string, std::string>> job_settings(const std::vector<std::string>& dynamic);

}  // namespace weir::cli
