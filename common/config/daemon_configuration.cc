#include "common/config/daemon_configuration.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "common/base/try.h"
#include "common/config/check.h"
#include "common/config/network_options.h"

namespace weir::config {

std::string variable(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return {};
}

Result<Loaded> load_daemon_configuration(const std::string& directory, const std::string& home,
                                         const Environment& environment, const std::vector<std::string>& dynamic) {
  Sources sources;
  sources.directory = directory.empty() ? variable(environment, {"WEIR_CONF_DIR", "FLINK_CONF_DIR"}) : directory;
  std::error_code ignored;
  if (sources.directory.empty() && std::filesystem::is_directory(home + "/conf", ignored))
    sources.directory = home + "/conf";
  sources.environment = environment;
  sources.dynamic = dynamic;
  TRY(auto loaded, load(sources));
  const Report report = check(loaded.configuration);
  loaded.warnings.insert(loaded.warnings.end(), report.warnings.begin(), report.warnings.end());
  loaded.directory = sources.directory;
  if (report.errors.empty()) return loaded;
  return Error::user(ErrorCode::invalid_argument, fmt::format("{}", fmt::join(report.errors, "\n")));
}

Result<SecretFile> secret_file(const Configuration& configuration, const std::string& directory) {
  TRY(const auto named, configuration.find(kSecurityRpcSecretFile));
  if (named) return SecretFile{*named, false};
  if (!directory.empty()) return SecretFile{directory + "/cluster.secret", true};
  return Error::user(ErrorCode::failed_precondition,
                     fmt::format("no place for the cluster's secret: there is no configuration folder, so name a file "
                                 "with {}",
                                 kSecurityRpcSecretFile.key));
}

}  // namespace weir::config
