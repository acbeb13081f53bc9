#pragma once

#include <map>
#include <string>

#include "cli/command_line.h"
#include "cli/console.h"
#include "common/config/configuration.h"
#include "weir/result.h"

namespace weir::cli {

/// `weir plan`: prints the plan of a job as one line of JSON. The library's code runs in a child of its own, with what
/// it prints on standard error, so that a crash is a sentence. Needs no cluster.
/// @param executable     path of this program
/// @param configuration  of the client: its job keys are the cluster's
/// @param submitted      of -D
/// Errors: what the library's file, its build function and its plan say.
Result<int> plan(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console);

/// `weir info`: the same between the lines that Flink prints around it.
Result<int> info(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console);

}  // namespace weir::cli
