#include "common/daemon/start_command.h"

#include <CLI/CLI.hpp>

#include <utility>

namespace weir::daemon {

Command parse_start_command(const std::string& name, const std::string& description,
                            std::span<const KeyOption> key_options, const std::vector<std::string>& words) {
  CLI::App app(description, name);
  StartCommand start;
  bool version = false;
  std::vector<std::string> values(key_options.size());
  app.add_option("-c,--configDir", start.configuration_directory, "directory of config.yaml or flink-conf.yaml");
  app.add_option("-D", start.dynamic, "key=value: a setting that wins over the file")->allow_extra_args(false);
  app.add_option("--log-file", start.log_file,
                 "file of the log, instead of standard output and a file in the log directory");
  app.add_option("--ports-file", start.ports_file, "file for the ports in use, as JSON, once the daemon is ready");
  app.add_flag("--check", start.check_only, "look at the configuration and end");
  app.add_option("--print-option", start.printed_keys,
                 "key of an option: print its value, an empty line when it has none, and end")
      ->allow_extra_args(false);
  app.add_flag("-v,--version", version, "print the version and end");
  for (std::size_t i = 0; i < key_options.size(); ++i)
    app.add_option(key_options[i].flags, values[i], key_options[i].description);
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // CLI11 takes them from the back.
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return PrintCommand{app.help(), 0};
  } catch (const CLI::ParseError& problem) {
    return PrintCommand{name + ": " + problem.what() + "; see " + name + " --help\n", 1};
  }
  if (version) return PrintCommand{"Version: " WEIR_VERSION "\n", 0};
  std::vector<std::string> dynamic;
  for (std::size_t i = 0; i < key_options.size(); ++i) {
    if (!key_options[i].key.empty() && !values[i].empty()) dynamic.push_back(key_options[i].key + "=" + values[i]);
  }
  start.dynamic.insert(start.dynamic.begin(), dynamic.begin(), dynamic.end());
  return start;
}

}  // namespace weir::daemon
