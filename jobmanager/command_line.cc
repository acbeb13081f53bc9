#include "jobmanager/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace weir::jobmanager {

Command parse_command_line(const std::vector<std::string>& words) {
  CLI::App app("The JobManager of a Weir cluster: takes jobs, gives them slots, watches over them.", "jobmanager");
  StartCommand start;
  std::string host, webui_port, execution_mode;
  bool version = false;
  app.add_option("-c,--configDir", start.configuration_directory, "directory of config.yaml or flink-conf.yaml");
  app.add_option("-D", start.dynamic, "key=value: a setting that wins over the file")->allow_extra_args(false);
  app.add_option("--log-file", start.log_file, "file of the log, instead of standard output");
  app.add_option("--ports-file", start.ports_file, "file for the ports in use, as JSON, once the daemon is ready");
  app.add_flag("--check", start.check_only, "look at the configuration and end");
  app.add_option("--print-option", start.options,
                 "key of an option: print its value, an empty line when it has none, and end")
      ->allow_extra_args(false);
  app.add_flag("-v,--version", version, "print the version and end");
  app.add_option("--host", host, "the same as -D jobmanager.rpc.address=");
  app.add_option("-r,--webui-port", webui_port, "the same as -D rest.port=");
  app.add_option("-x,--executionMode", execution_mode, "accepted and ignored, as scripts of Flink give it");
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // CLI11 takes them from the back.
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return PrintCommand{app.help(), 0};
  } catch (const CLI::ParseError& problem) {
    return PrintCommand{std::string("jobmanager: ") + problem.what() + "; see jobmanager --help\n", 1};
  }
  if (version) return PrintCommand{"Version: " WEIR_VERSION "\n", 0};
  std::vector<std::string> first;
  if (!host.empty()) first.push_back("jobmanager.rpc.address=" + host);
  if (!webui_port.empty()) first.push_back("rest.port=" + webui_port);
  start.dynamic.insert(start.dynamic.begin(), first.begin(), first.end());
  return start;
}

}  // namespace weir::jobmanager
