// Settings ready for use: loaded, checked, and for a job put together from the cluster's and the submission's.
#pragma once

#include <map>
#include <string>

#include "common/config/configuration.h"
#include "common/config/load.h"
#include "weir/result.h"

namespace weir::config {

/// What a daemon does first: `load`, then `check`. The warnings of both are in the answer, for its log and for --check.
/// Errors: those of load; invalid_argument with every wrong setting, a line each.
Result<Loaded> load_checked(const Sources& sources);

/// The settings of one job: what the cluster says about jobs, and above it what came with the submission, under the
/// origin "submission". A submitted key that belongs to a daemon has no effect, which is a warning. Errors:
/// invalid_argument (user) with every unknown key and wrong value of the submission, a line each.
Result<Loaded> job_configuration(const Configuration& cluster, const std::map<std::string, std::string>& submitted);

}  // namespace weir::config
