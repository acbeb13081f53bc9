#include "common/config/layers.h"

#include <fmt/format.h>

#include "common/base/try.h"
#include "common/config/check.h"
#include "common/config/options.h"

namespace weir::config {

Result<Loaded> load_checked(const Sources& sources) {
  TRY(Loaded loaded, load(sources));
  TRY_VOID(checked(loaded.configuration));
  Report report = check(loaded.configuration);
  loaded.warnings.insert(loaded.warnings.end(), report.warnings.begin(), report.warnings.end());
  return loaded;
}

Result<Loaded> job_configuration(const Configuration& cluster, const std::map<std::string, std::string>& submitted) {
  Configuration submission;
  for (const auto& [key, value] : submitted) submission.set(key, value, "submission");
  TRY_VOID(checked(submission));
  Loaded job;
  job.warnings = check(submission).warnings;
  for (const auto& [key, setting] : submission.settings()) {
    if (is_job_key(key) || find_option(key) == nullptr) continue;
    job.warnings.push_back(
        fmt::format("submission: {} belongs to the cluster's configuration and has no effect on a job", key));
  }
  job.configuration = cluster.job_part();
  job.configuration.merge(submission.job_part());
  return job;
}

}  // namespace weir::config
