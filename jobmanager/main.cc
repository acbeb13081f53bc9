// Wiring only: command line, configuration, log, daemon. Exit codes: docs/operations.md.
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "common/async/executor.h"
#include "common/base/unique_fd.h"
#include "common/config/daemon_configuration.h"
#include "common/config/options.h"
#include "common/observe/log.h"
#include "common/observe/log_files.h"
#include "jobmanager/command_line.h"
#include "jobmanager/daemon.h"
#include "jobmanager/revision.h"

namespace {

using namespace weir;
using namespace weir::jobmanager;

constexpr int kStartFailed = 1;
constexpr int kFatal = 2;

/// Where this program stands, and with it everything else of the distribution.
ProcessFacts process_facts(const StartCommand& command, const std::map<std::string, std::string>& environment, int argc,
                           char** argv) {
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  ProcessFacts facts;
  facts.home = config::variable(environment, {"WEIR_HOME", "FLINK_HOME"});
  if (facts.home.empty()) facts.home = bin.parent_path().string();
  facts.planner = (bin / "weir").string();
  facts.ports_file = command.ports_file;
  facts.program_options.assign(argv + 1, argv + argc);
  facts.revision = revision();
  return facts;
}

/// The log file: the one that was named, else one in WEIR_LOG_DIR, env.log.dir or `log` beside `bin`.
/// @return empty, and why in `problem`, when none can be written there
std::string choose_log_file(const StartCommand& command, const config::Configuration& configuration,
                            const std::string& home, const std::map<std::string, std::string>& environment,
                            log::FilesPrefix& claimed, std::string& problem) {
  if (!command.log_file.empty()) return command.log_file;
  std::string directory = config::variable(environment, {"WEIR_LOG_DIR", "FLINK_LOG_DIR"});
  const auto configured = configuration.find(config::kLogDirectory);
  if (directory.empty()) directory = configured.ok() && *configured ? **configured : home + "/log";
  auto prefix = log::claim_files(directory, "jobmanager", std::nullopt);
  if (!prefix.ok()) {
    problem = prefix.error().message;
    return {};
  }
  claimed = std::move(prefix).value();
  return claimed.directory + "/" + claimed.stem + ".log";
}

Result<void> start_log(const config::Configuration& configuration, const std::string& file, bool also_stdout) {
  auto level = configuration.get(config::kLogLevel);
  if (!level.ok()) return level.error();
  auto bytes_max = configuration.get(config::kLogFileBytesMax);
  if (!bytes_max.ok()) return bytes_max.error();
  auto kept = configuration.get(config::kLogFilesKept);
  if (!kept.ok()) return kept.error();
  log::Options options;
  options.program = "jobmanager";
  options.level = static_cast<log::Level>(*level);
  if (!file.empty()) options.file = file;
  options.also_stdout = also_stdout;
  options.file_bytes_max = bytes_max->bytes();
  options.files_kept = *kept;
  return log::start(options);
}

/// For the person at the terminal, and for the log once there is one.
int failed(const Error& error, bool is_logging) {
  std::fprintf(stderr, "jobmanager: %s\n", error.message.c_str());
  if (is_logging) LOG_ERROR("the JobManager did not start: {}", error.message);
  return kStartFailed;
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

int run(const StartCommand& command, int argc, char** argv) {
  const auto environment = config::process_environment();
  ProcessFacts facts = process_facts(command, environment, argc, argv);
  auto loaded =
      config::load_daemon_configuration(command.configuration_directory, facts.home, environment, command.dynamic);
  if (!loaded.ok()) return failed(loaded.error(), false);
  if (!command.options.empty()) {
    const auto values = option_values(loaded->configuration, command.options);
    if (!values.ok()) return failed(values.error(), false);
    std::fputs(values->c_str(), stdout);
    return 0;
  }
  log::FilesPrefix claimed;
  std::string log_problem;
  if (!command.check_only)
    facts.log_file = choose_log_file(command, loaded->configuration, facts.home, environment, claimed, log_problem);
  const std::string log_file = facts.log_file;
  auto options = read_daemon_options(loaded->configuration, std::move(facts));
  if (!options.ok()) return failed(options.error(), false);
  if (command.check_only) {
    for (const auto& warning : loaded->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
    std::printf("The configuration is valid.\n");
    return 0;
  }
  auto logging = start_log(loaded->configuration, log_file, command.log_file.empty());
  if (!logging.ok()) return failed(logging.error(), false);
  LOG_INFO("Weir {}: configuration from {}", WEIR_VERSION,
           loaded->file.empty() ? "the command line alone" : loaded->file);
  if (!log_problem.empty()) LOG_WARN("{}: the log is on standard output only", log_problem);
  for (const auto& warning : loaded->warnings) LOG_WARN("{}", warning);

  ControlThread control("control");
  Daemon daemon(control, std::move(options).value(), read_library_notes);
  const Result<void> ended = control.run_to_end(daemon.run());
  return ended.ok() ? 0 : failed(ended.error(), !command.log_file.empty());
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const Command command = parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* print = std::get_if<PrintCommand>(&command)) {
    std::fputs(print->text.c_str(), print->exit_code == 0 ? stdout : stderr);
    return print->exit_code;
  }
  int code = kFatal;
  try {
    code = run(std::get<StartCommand>(command), argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "jobmanager: unexpected: %s\n", problem.what());
    LOG_ERROR("unexpected: {}", problem.what());
  }
  log::stop();
  return code;
}
