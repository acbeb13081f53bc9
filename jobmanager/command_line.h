// What stands behind `jobmanager` on the command line.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "weir/result.h"

namespace weir::jobmanager {

/// Start the daemon, or only look at the configuration.
struct StartCommand {
  std::string configuration_directory;  ///< -c, --configDir; empty: not given
  std::vector<std::string> dynamic;     ///< key=value of each -D, and what --host and --webui-port stand for
  std::string log_file;                 ///< --log-file; empty: standard output
  std::string ports_file;               ///< --ports-file; empty: none
  bool check_only = false;              ///< --check
  std::vector<std::string> options;     ///< --print-option: values to print instead of starting
};

/// Print a text and end with a code.
struct PrintCommand {
  std::string text;
  int exit_code = 0;
};

using Command = std::variant<StartCommand, PrintCommand>;

/// Reads the words after the program's name. Lives on: any thread (pure). Bad words are a PrintCommand with exit
/// code 1.
Command parse_command_line(const std::vector<std::string>& words);

}  // namespace weir::jobmanager
