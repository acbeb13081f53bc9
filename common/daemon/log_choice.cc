#include "common/daemon/log_choice.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "common/base/try.h"
#include "common/config/cluster_options.h"
#include "common/observe/log.h"

namespace weir::daemon {

Result<LogChoice> choose_log(const std::string& name, const StartCommand& command,
                             const config::Configuration& configuration, const std::string& home,
                             const config::Environment& environment) {
  LogChoice choice;
  if (!command.log_file.empty()) {
    const std::filesystem::path file = std::filesystem::absolute(command.log_file);
    choice.file = command.log_file;
    choice.files.directory = file.parent_path().string();
    choice.files.stem = file.extension() == ".log" ? file.stem().string() : file.filename().string();
    return choice;
  }
  TRY(const auto configured, configuration.find(config::kLogDirectory));
  std::string directory = config::variable(environment, {"WEIR_LOG_DIR", "FLINK_LOG_DIR"});
  if (directory.empty()) directory = configured.value_or(home + "/log");
  auto claimed = log::claim_files(directory, name, std::nullopt);
  if (!claimed.ok()) {
    choice.problem = claimed.error().message;
    return choice;
  }
  choice.files = std::move(claimed).value();
  choice.file = choice.files.directory + "/" + choice.files.stem + ".log";
  return choice;
}

Result<void> start_log(const std::string& name, const StartCommand& command, const config::Configuration& configuration,
                       const LogChoice& choice) {
  TRY(const auto level, configuration.get(config::kLogLevel));
  TRY(const auto bytes_max, configuration.get(config::kLogFileBytesMax));
  TRY(const int kept, configuration.get(config::kLogFilesKept));
  log::Options options;
  options.program = name;
  options.level = static_cast<log::Level>(level);
  if (!choice.file.empty()) options.file = choice.file;
  options.also_stdout = command.log_file.empty();
  options.file_bytes_max = bytes_max.bytes();
  options.files_kept = kept;
  return log::start(options);
}

}  // namespace weir::daemon
