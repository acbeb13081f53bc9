// Which files a path means.
#pragma once

#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::connectors {

/// The files that a path names: itself; those of a directory, without names that begin with '.' or '_' and parts in progress; or those
/// that match a pattern with * ? [ ]. Lives on: any thread.
/// @return  regular files, sorted by path; never empty
/// Errors: a relative path, a path that does not exist, a directory that cannot be read, nothing that matches.
Result<std::vector<std::string>> list_input_files(const std::string& path);

}  // namespace weir::connectors
