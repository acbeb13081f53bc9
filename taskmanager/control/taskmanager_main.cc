#include "taskmanager/control/taskmanager_main.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/executor.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/config/cluster_options.h"
#include "common/config/daemon_configuration.h"
#include "common/observe/log.h"
#include "common/observe/log_files.h"
#include "taskmanager/control/command_line.h"
#include "taskmanager/control/daemon.h"
#include "taskmanager/jobs/crash_stack.h"
#include "taskmanager/worker/worker_main.h"

namespace weir::taskmanager {
namespace {

using config::Environment;
using config::variable;

constexpr int kStartFailed = 1;
constexpr int kFatal = 2;

// This program, by its name in the file system, so that workers are seen under it; by the kernel's link when it was
// replaced.
std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
}

std::string home_of(const Environment& environment) {
  const std::string home = variable(environment, {"WEIR_HOME", "FLINK_HOME"});
  return home.empty() ? std::filesystem::path(own_program()).parent_path().parent_path().string() : home;
}

// Where logs go: beside the file that was named; else into the log directory, else nowhere but standard output.
struct LogChoice {
  log::FilesPrefix files;
  bool has_file = false;
  std::string problem;  // why there is no file
};

Result<LogChoice> choose_log(const StartCommand& command, const config::Configuration& configuration,
                             const std::string& home, const Environment& environment) {
  LogChoice choice;
  if (!command.log_file.empty()) {
    const std::filesystem::path file = std::filesystem::absolute(command.log_file);
    choice.files.directory = file.parent_path().string();
    choice.files.stem = file.extension() == ".log" ? file.stem().string() : file.filename().string();
    choice.has_file = true;
    return choice;
  }
  TRY(const auto configured, configuration.find(config::kLogDirectory));
  std::string directory = variable(environment, {"WEIR_LOG_DIR", "FLINK_LOG_DIR"});
  if (directory.empty()) directory = configured.value_or(home + "/log");
  auto claimed = log::claim_files(directory, "taskmanager", std::nullopt);
  choice.has_file = claimed.ok();
  if (claimed.ok()) {
    choice.files = std::move(claimed).value();
  } else {
    choice.problem = claimed.error().message;
  }
  return choice;
}

Result<void> start_log(const StartCommand& command, const config::Configuration& configuration,
                       const LogChoice& choice) {
  TRY(const auto level, configuration.get(config::kLogLevel));
  TRY(const auto bytes_max, configuration.get(config::kLogFileBytesMax));
  TRY(const int kept, configuration.get(config::kLogFilesKept));
  log::Options options;
  options.program = "taskmanager";
  options.level = static_cast<log::Level>(level);
  if (choice.has_file)
    options.file =
        command.log_file.empty() ? choice.files.directory + "/" + choice.files.stem + ".log" : command.log_file;
  options.also_stdout = command.log_file.empty();
  options.file_bytes_max = bytes_max.bytes();
  options.files_kept = kept;
  return log::start(options);
}

int failed(const Error& error) {
  std::fprintf(stderr, "taskmanager: %s\n", error.message.c_str());
  return kStartFailed;
}

int serve(DaemonOptions options, bool is_logging_to_file) {
  ControlThread control("taskmanager");
  Daemon daemon(control, std::move(options));
  if (auto started = daemon.start(); !started.ok()) {
    if (is_logging_to_file) LOG_ERROR("the TaskManager did not start: {}", started.error().message);
    return failed(started.error());
  }
  return control.run_to_end(daemon.serve());
}

int run_daemon(const StartCommand& command) {
  const Environment environment = config::process_environment();
  const std::string home = home_of(environment);
  auto loaded = config::load_daemon_configuration(command.configuration_directory, home, environment, command.dynamic);
  if (!loaded.ok()) return failed(loaded.error());
  const auto limits = config::read_memory_limits("/");
  if (!limits.ok()) return failed(limits.error());
  ProcessFacts facts{
      .home = home, .executable = own_program(), .log_directory = {}, .log_stem = {}, .ports_file = command.ports_file};
  auto options = read_daemon_options(loaded->configuration, *limits, std::move(facts));
  if (!options.ok()) return failed(options.error());
  if (command.check_only) {
    for (const auto& warning : loaded->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
    std::printf("The configuration is valid.\n");
    return 0;
  }
  const auto choice = choose_log(command, loaded->configuration, home, environment);
  if (!choice.ok()) return failed(choice.error());
  if (auto started = start_log(command, loaded->configuration, *choice); !started.ok()) return failed(started.error());
  LOG_INFO("Weir {}: configuration from {}", WEIR_VERSION,
           loaded->file.empty() ? "the command line alone" : loaded->file);
  if (!choice->has_file)
    LOG_WARN("{}: the log is on standard output only, what jobs print is kept in io.tmp.dirs", choice->problem);
  for (const auto& warning : loaded->warnings) LOG_WARN("{}", warning);
  options->facts.log_directory = choice->has_file ? choice->files.directory : options->temporary_parent;
  options->facts.log_stem = choice->has_file ? choice->files.stem : fmt::format("weir-taskmanager-{}", ::getpid());
  return serve(std::move(options).value(), !command.log_file.empty());
}

}  // namespace

int run_taskmanager(int argument_count, char** arguments, const MakeTaskRuntime& make_runtime) {
  if (is_worker_command(argument_count, arguments)) run_worker(argument_count, arguments, make_runtime);
  const std::vector<std::string> words(arguments + 1, arguments + argument_count);
  if (words.size() == 1 && words.front() == "--symbolise-crash") return symbolise_crash_from_stdin();
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const Command command = parse_command_line(words);
  if (const auto* print = std::get_if<PrintCommand>(&command)) {
    std::fputs(print->text.c_str(), print->exit_code == 0 ? stdout : stderr);
    return print->exit_code;
  }
  int code = kFatal;
  try {
    code = run_daemon(std::get<StartCommand>(command));
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "taskmanager: unexpected: %s\n", problem.what());
    LOG_ERROR("unexpected: {}", problem.what());
  }
  log::stop();
  return code;
}

}  // namespace weir::taskmanager
