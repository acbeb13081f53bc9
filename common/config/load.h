// Where settings come from: a file, the environment, the command line; later ones win.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/configuration.h"
#include "weir/result.h"

namespace weir::config {

struct Sources {
  std::string directory;                           ///< holds flink-conf.yaml or config.yaml; empty: no file is read
  std::map<std::string, std::string> environment;  ///< see process_environment
  std::vector<std::string> dynamic;                ///< the `key=value` of each -D, in order
};

struct Loaded {
  Configuration configuration;
  std::vector<std::string> warnings;  ///< sentences for the log
  std::string file;                   ///< the file that was read; empty without one
  std::string directory;              ///< of the configuration; empty without one
};

/// The variables of this process. Call before threads are started.
std::map<std::string, std::string> process_environment();

/// Reads all layers. Values are not looked at: that is `check`.
/// File: `flink-conf.yaml` where there is one, as in Flink 1.20, else `config.yaml`; at most 1 MiB. Environment:
/// FLINK_PROPERTIES, then WEIR_PROPERTIES, each with lines `key: value` in which ${NAME} is replaced by that variable.
/// Then -D; of one key given twice the last counts. Errors: not_found for a directory without either file; io when it
/// cannot be read; invalid_argument with `file:line: ` in front for text that is no configuration and for a key that
/// one file sets twice.
Result<Loaded> load(const Sources& sources);

/// The settings of YAML text, nested or flat, as `config.yaml` holds them. `name` is what messages call it.
Result<Loaded> parse_yaml(std::string_view text, const std::string& name);
/// The settings of lines `key: value`, as `flink-conf.yaml` holds them: no nesting, ` #` begins a comment.
Result<Loaded> parse_lines(std::string_view text, const std::string& name);
/// The settings of a variable such as WEIR_PROPERTIES: `key: value` or `key:value` per line, ${NAME} replaced.
Result<Loaded> parse_properties(std::string_view text, const std::string& name,
                                const std::map<std::string, std::string>& environment);
/// The settings of -D arguments (without the -D).
Result<Configuration> parse_dynamic(const std::vector<std::string>& arguments);

}  // namespace weir::config
