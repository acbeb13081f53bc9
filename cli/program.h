// What run, info and plan check before anything is sent or started.
#pragma once

#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::cli {

/// Errors: not_found or invalid_argument for a library that is missing, no regular file, or empty.
Result<void> check_library(const std::string& path);

/// Refuses relative paths after `file:` in a program's arguments: client, planner and workers stand in different
/// directories. Pure but for the working directory, which the way out names. Errors: invalid_argument naming the
/// argument and how to write it.
Result<void> check_arguments(const std::vector<std::string>& arguments);

}  // namespace weir::cli
