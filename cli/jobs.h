#pragma once

#include <string>
#include <vector>

#include "cli/client_settings.h"
#include "cli/command_line.h"
#include "cli/console.h"
#include "cli/rest_client.h"
#include "weir/result.h"

namespace weir::cli {

/// `weir list`.
Result<int> list(const ListVerb& verb, const ClientSettings& settings, Console& console);
/// `weir cancel`. Errors: invalid_argument for what is no job id; what the JobManager says.
Result<int> cancel(const CancelVerb& verb, const ClientSettings& settings, Console& console);

/// The lines that `list` prints after "Waiting for response...": blocks of jobs, in the order of their states, then
/// their start. Pure but for the time zone, which is the client's.
std::vector<std::string> list_lines(const ListVerb& verb, std::vector<JobLine> jobs);

}  // namespace weir::cli
