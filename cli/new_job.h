#pragma once

#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::cli {

/// Writes a new job from the template into a folder that must not exist yet.
/// Lives on: the main thread.
/// @param directory  path of the folder; its last part is the job's name: a letter, then letters, digits, '-' and '_',
/// at most 60
/// @return           the files written, below the folder
/// Errors: invalid_argument for a name; already_exists; io. After an error nothing of the folder is left.
Result<std::vector<std::string>> make_new_job(const std::string& directory);

}  // namespace weir::cli
