// What stands behind a daemon's name on the command line.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace weir::daemon {

/// Start the daemon, or only look at its configuration.
struct StartCommand {
  std::string configuration_directory;    ///< -c, --configDir; empty: not given
  std::vector<std::string> dynamic;       ///< key=value of each -D, after what other options stand for
  std::string log_file;                   ///< --log-file; empty: standard output, and a file in the log directory
  std::string ports_file;                 ///< --ports-file; empty: none
  bool check_only = false;                ///< --check
  std::vector<std::string> printed_keys;  ///< --print-option: keys whose values are printed instead of starting
};

/// Print a text and end with a code.
struct PrintCommand {
  std::string text;
  int exit_code = 0;
};

using Command = std::variant<StartCommand, PrintCommand>;

/// An option of Flink's scripts that stands for a key, or that is taken and ignored.
struct KeyOption {
  std::string flags;        ///< "-r,--webui-port"
  std::string key;          ///< "rest.port"; empty: ignored
  std::string description;  ///< for --help
};

/// Reads the words after the program's name. A -D of the same key wins over a KeyOption. Lives on: any thread (pure).
/// @param name         "jobmanager", for messages
/// @param description  one sentence for --help
/// @return             a PrintCommand with exit code 1 for words that it does not know
Command parse_start_command(const std::string& name, const std::string& description,
                            std::span<const KeyOption> key_options, const std::vector<std::string>& words);

}  // namespace weir::daemon
