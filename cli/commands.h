#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/console.h"

namespace weir::cli {

/// Does what a command line asks for, from reading it to the last line printed.
/// Lives on: the main thread.
/// @param program      path of this program
/// @param words        what stands after it
/// @param environment  variables of the process
/// @return             the exit code: 0 done; 1 not done, with a sentence on standard error; 130 interrupted while
/// waiting
int execute(const std::string& program, const std::vector<std::string>& words,
            const std::map<std::string, std::string>& environment, Console& console);

}  // namespace weir::cli
