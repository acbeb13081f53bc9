// What the program does.
#pragma once

#include <string_view>

namespace weir::jobmanager {

/// The daemon, or what its command line asks for instead.
/// @param revision  the commit that was built, for the REST API
/// @return          exit code, docs/operations.md
int run_jobmanager(int argument_count, char** arguments, std::string_view revision);

}  // namespace weir::jobmanager
