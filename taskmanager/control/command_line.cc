#include "taskmanager/control/command_line.h"

#include <CLI/CLI.hpp>

#include <utility>

namespace weir::taskmanager {

Command parse_command_line(const std::vector<std::string>& words) {
  CLI::App app("A TaskManager of a Weir cluster: offers slots, and runs the tasks that a JobManager gives it.",
               "taskmanager");
  StartCommand start;
  bool version = false;
  app.add_option("-c,--configDir", start.configuration_directory, "directory of config.yaml or flink-conf.yaml");
  app.add_option("-D", start.dynamic, "key=value: a setting that wins over the file")->allow_extra_args(false);
  app.add_option("--log-file", start.log_file,
                 "file of the log, instead of standard output and a file in the log directory");
  app.add_option("--ports-file", start.ports_file, "file for the ports in use, as JSON, once the daemon is ready");
  app.add_flag("--check", start.check_only, "look at the configuration and end");
  app.add_flag("-v,--version", version, "print the version and end");
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // CLI11 takes them from the back.
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return PrintCommand{app.help(), 0};
  } catch (const CLI::ParseError& problem) {
    return PrintCommand{std::string("taskmanager: ") + problem.what() + "; see taskmanager --help\n", 1};
  }
  if (version) return PrintCommand{"Version: " WEIR_VERSION "\n", 0};
  return start;
}

}  // namespace weir::taskmanager
