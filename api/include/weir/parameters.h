// Parameters: a job's settings by name, from wherever they come. Flink's ParameterTool.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/arguments.h"
#include "weir/detail/parse_value.h"

namespace weir {

/// Texts by name, put together from arguments, properties files, maps and the environment, and read as what they are.
///     auto parameters =
///     Parameters::from_properties_file("/etc/job.properties").merged_with(Parameters::from_args(args)); const auto
///     keys = parameters.get_or("keys", 1000); env.set_global_job_parameters(parameters);
/// Lives on: any thread; a value that does not change. The build function runs in the planner and in every worker: what
/// it reads must be the same in all of them, so a file must be on every machine, or come with arguments instead.
class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}

  /// `--name value` and `--name=value`; a `--name` without a value is "true"; of a name given twice the last one
  /// counts. Errors: UsageError for a word that belongs to no name.
  static Parameters from_args(const Arguments& args);
  /// A file of `name = value` lines as Java writes them: `#` and `!` begin comments, a backslash at a line's end goes
  /// on with the next line, `\uXXXX` is a character.
  /// @param path  absolute
  /// Errors: UsageError, a sentence with the path, when it cannot be read, is longer than 1 MiB, or a line is wrong.
  static Parameters from_properties_file(const std::string& path);
  /// The text of such a file. @param name  for the sentences of errors
  static Parameters from_properties_text(std::string_view text, const std::string& name);
  /// Environment variables whose names begin with `prefix`, without it. Planner and workers start with an environment
  /// of their own: `containerized.master.env.*` and `containerized.taskmanager.env.*`, and both must say the same.
  static Parameters from_environment(std::string_view prefix);
  /// What text() wrote: `a:1,b:2`.
  /// Errors: UsageError when a quote has no end or a part has no colon.
  static Parameters from_text(std::string_view text);

  /// All of these, and all of `stronger`, which wins.
  Parameters merged_with(const Parameters& stronger) const;

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// The value of a name, as a text, a number or a bool.
  /// Errors: UsageError when it is missing, or no such number.
  template <class T = std::string>
  T require(std::string_view name) const {
    return detail::parse_value<T>(label(name), find(name));
  }
  /// The value, or `other` when there is none.
  /// Errors: UsageError when it is no such number.
  std::string get_or(std::string_view name, std::string other) const {
    return has(name) ? find(name) : std::move(other);
  }
  template <class T>
  requires std::is_arithmetic_v<T> T get_or(std::string_view name, T other)
  const { return has(name) ? require<T>(name) : other; }
  const std::map<std::string, std::string, std::less<>>& values() const { return values_; }
  /// As one line, the way the configuration writes maps.
  std::string text() const;

 private:
  static std::string label(std::string_view name);
  const std::string& find(std::string_view name) const;

  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace weir
