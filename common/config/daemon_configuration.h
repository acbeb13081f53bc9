// What a daemon does with its configuration before it starts: find the directory, read all layers, look at every value.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "common/config/load.h"
#include "weir/result.h"

namespace weir::config {

using Environment = std::map<std::string, std::string>;

/// The first of these variables that is set and not empty; else empty.
std::string variable(const Environment& environment, std::initializer_list<const char*> names);

/// @param directory  what the command line says; when empty: WEIR_CONF_DIR, FLINK_CONF_DIR, `<home>/conf` where it
/// exists, or none
/// @param dynamic    the `key=value` of each -D, in order
/// Errors: those of `load`; invalid_argument with all that `check` found, a line each. Its warnings are among Loaded's.
Result<Loaded> load_daemon_configuration(const std::string& directory, const std::string& home,
                                         const Environment& environment, const std::vector<std::string>& dynamic);

/// Where a daemon finds the cluster's secret.
struct SecretFile {
  std::string path;
  bool may_make = false;  ///< nobody named it: the first daemon makes it
};
/// security.rpc.secret-file, else `cluster.secret` in the configuration's folder.
/// @param directory  of the configuration (Loaded::directory)
/// Errors: failed_precondition when there is neither.
Result<SecretFile> secret_file(const Configuration& configuration, const std::string& directory);

}  // namespace weir::config
