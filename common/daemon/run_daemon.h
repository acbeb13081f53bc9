// The start of a daemon, the same for both: command line, configuration, log, and then the daemon itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/config/configuration.h"
#include "common/daemon/log_choice.h"
#include "common/daemon/start_command.h"
#include "weir/result.h"

namespace weir::daemon {

/// What is known when a daemon reads its options.
struct Launch {
  StartCommand command;
  std::vector<std::string> arguments;  ///< after the program's name, as given
  std::string program;                 ///< path of this program; by the kernel's link when it was replaced
  std::string bin_directory;           ///< where it stands, beside the other programs
  std::string home;                    ///< WEIR_HOME, FLINK_HOME, or the folder above bin_directory
  config::Configuration configuration;
  std::string configuration_directory;  ///< where the file is; empty without one
  LogChoice log;                        ///< empty when only the configuration is looked at
};

/// A daemon that has read its options and holds nothing yet.
struct PreparedDaemon {
  std::vector<std::string> warnings;  ///< sentences for the log and for --check
  /// Runs until the daemon has ended. Blocks. Errors: why it did not start, in one sentence.
  /// @return  the exit code
  std::function<Result<int>()> serve;
};

/// A daemon as a program.
struct DaemonProgram {
  std::string name;         ///< "jobmanager": in messages and names of files
  std::string title;        ///< "JobManager"
  std::string description;  ///< one sentence for --help
  std::vector<KeyOption> key_options;
  /// Reads all options; opens nothing. Errors: a wrong configuration.
  std::function<Result<PreparedDaemon>(const Launch&)> prepare;
};

/// Does what the command line says: starts the daemon, checks the configuration, or prints something. What goes wrong
/// before the log has started is one line on standard error. Lives on: the main thread, before any other one. Blocks.
/// @return  exit code, docs/operations.md: 1 when it did not start, 2 after an unexpected exception
int run_daemon(const DaemonProgram& program, int argument_count, char** arguments);

}  // namespace weir::daemon
