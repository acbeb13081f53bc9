// Where a daemon's log goes, and its start.
#pragma once

#include <string>

#include "common/config/configuration.h"
#include "common/config/daemon_configuration.h"
#include "common/daemon/start_command.h"
#include "common/observe/log_files.h"
#include "weir/result.h"

namespace weir::daemon {

/// The files of a daemon: `<directory>/<stem>.log`, and others that begin so.
struct LogChoice {
  log::FilesPrefix files;
  std::string file;     ///< path of the log; empty: standard output only
  std::string problem;  ///< why there is no file; one sentence
};

/// The file that the command names; else one in WEIR_LOG_DIR, FLINK_LOG_DIR, env.log.dir or `<home>/log`. Blocks.
/// @param name  "jobmanager": part of the file's name
/// Errors: a wrong env.log.dir. A folder that cannot be written to is no error: then there is no file, and a problem.
Result<LogChoice> choose_log(const std::string& name, const StartCommand& command,
                             const config::Configuration& configuration, const std::string& home,
                             const config::Environment& environment);

/// Starts this process's log: into the chosen file, and on standard output unless the command names a file.
/// Errors: those of log::start.
Result<void> start_log(const std::string& name, const StartCommand& command, const config::Configuration& configuration,
                       const LogChoice& choice);

}  // namespace weir::daemon
