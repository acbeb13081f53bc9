#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/client_settings.h"
#include "cli/command_line.h"
#include "cli/console.h"
#include "weir/result.h"

namespace weir::cli {

/// `weir run`: uploads, starts, and unless detached waits for the end.
/// @param configuration  of -D, for the job
/// @return exit code 0 when the job was submitted (detached) or finished, 130 when the wait was interrupted
/// Errors: what the program's arguments, the library's file and the JobManager say; user_code for a job that failed or
/// was canceled.
Result<int> run(const RunVerb& verb, const std::map<std::string, std::string>& configuration,
                const ClientSettings& settings, Console& console);

/// Pauses between two looks at a running job: 10 ms, doubling, at most 2 s. Pure.
std::chrono::milliseconds next_pause(std::chrono::milliseconds last);

}  // namespace weir::cli
