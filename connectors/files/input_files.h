// Which files a path names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::connectors {

/// What it means when a pattern matches nothing yet.
enum class NoFiles : std::uint8_t { error, wait };

/// The files that a path names: itself; those of a directory and of the directories in it, without names that begin
/// with
/// '.' or '_' and parts in progress, as Flink's FileSource reads them; or those that match a pattern with * ? [ ], of a
/// directory that matches all that is in it. Lives on: any thread.
/// @return  regular files, sorted by path; none of an empty directory
/// Errors: a relative path, a path that does not exist, a directory that cannot be read or lies too deep, a pattern
/// that nothing matches.
Result<std::vector<std::string>> list_input_files(const std::string& path, NoFiles none);

}  // namespace weir::connectors
