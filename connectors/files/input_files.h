// Which files a path means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::connectors {

/// What it means when a path names nothing yet.
enum class NoFiles : std::uint8_t { error, wait };

/// The files that a path names: itself; those of a directory, without names that begin with '.' or '_' and parts in
/// progress; or those that match a pattern with * ? [ ]. Lives on: any thread.
/// @param none  wait: a directory or a pattern may be empty
/// @return  regular files, sorted by path
/// Errors: a relative path, a path that does not exist, a directory that cannot be read, nothing that matches.
Result<std::vector<std::string>> list_input_files(const std::string& path, NoFiles none);

}  // namespace weir::connectors
