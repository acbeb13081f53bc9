#include "common/daemon/run_daemon.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/config/daemon_configuration.h"
#include "common/config/options.h"
#include "common/observe/log.h"

namespace weir::daemon {
namespace {

constexpr int kStartFailed = 1;
constexpr int kFatal = 2;

void locate(const config::Environment& environment, Launch& launch) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  launch.program = !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
  launch.bin_directory = path.parent_path().string();
  launch.home = config::variable(environment, {"WEIR_HOME", "FLINK_HOME"});
  if (launch.home.empty()) launch.home = path.parent_path().parent_path().string();
}

/// For scripts: the values in force, one a line. Errors: not_found for a key that is no option.
Result<std::string> option_values(const config::Configuration& configuration, const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    const config::OptionEntry* entry = config::find_option(key);
    if (entry == nullptr)
      return Error::user(ErrorCode::not_found, fmt::format("--print-option {}: there is no such option", key));
    const auto set = configuration.raw(key);
    text += fmt::format("{}\n", config::is_secret_key(key) ? config::kRedacted
                                : set                      ? *set
                                                           : entry->option->fallback.value_or(""));
  }
  return text;
}

/// Errors are for the person at the terminal; once the log goes to a file of its own, they stand there, too.
Result<int> start(const DaemonProgram& program, Launch& launch) {
  const config::Environment environment = config::process_environment();
  locate(environment, launch);
  const StartCommand& command = launch.command;
  TRY(auto loaded,
      config::load_daemon_configuration(command.configuration_directory, launch.home, environment, command.dynamic));
  launch.configuration = std::move(loaded.configuration);
  launch.configuration_directory = loaded.directory;
  if (!command.printed_keys.empty()) {
    TRY(const std::string values, option_values(launch.configuration, command.printed_keys));
    std::fputs(values.c_str(), stdout);
    return 0;
  }
  if (!command.check_only) {
    TRY(launch.log, choose_log(program.name, command, launch.configuration, launch.home, environment));
  }
  TRY(auto prepared, program.prepare(launch));
  auto warnings = std::move(loaded.warnings);
  warnings.insert(warnings.end(), prepared.warnings.begin(), prepared.warnings.end());
  if (command.check_only) {
    for (const auto& warning : warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
    std::printf("The configuration is valid.\n");
    return 0;
  }
  TRY_VOID(start_log(program.name, command, launch.configuration, launch.log));
  LOG_INFO("Weir {}: configuration from {}", WEIR_VERSION,
           loaded.file.empty() ? "the command line alone" : loaded.file);
  if (!launch.log.problem.empty()) LOG_WARN("{}: the log is on standard output only", launch.log.problem);
  for (const auto& warning : warnings) LOG_WARN("{}", warning);
  auto code = prepared.serve();
  if (!code.ok() && !command.log_file.empty())
    LOG_ERROR("the {} did not start: {}", program.title, code.error().message);
  return code;
}

}  // namespace

int run_daemon(const DaemonProgram& program, int argument_count, char** arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  Launch launch;
  launch.arguments.assign(arguments + 1, arguments + argument_count);
  Command command = parse_start_command(program.name, program.description, program.key_options, launch.arguments);
  if (const auto* print = std::get_if<PrintCommand>(&command)) {
    std::fputs(print->text.c_str(), print->exit_code == 0 ? stdout : stderr);
    return print->exit_code;
  }
  launch.command = std::move(std::get<StartCommand>(command));
  int exit_code = kFatal;
  try {
    const auto ended = start(program, launch);
    if (!ended.ok()) std::fprintf(stderr, "%s: %s\n", program.name.c_str(), ended.error().message.c_str());
    exit_code = ended.ok() ? *ended : kStartFailed;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s: unexpected: %s\n", program.name.c_str(), problem.what());
    LOG_ERROR("unexpected: {}", problem.what());
  }
  log::stop();
  return exit_code;
}

}  // namespace weir::daemon
