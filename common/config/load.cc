#include "common/config/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "common/base/try.h"
#include "common/config/options.h"
#include "common/config/words.h"
#include "common/config/yaml_text.h"

namespace weir::config {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;
constexpr std::size_t kKeyBytesMax = 512;
constexpr std::string_view kYamlName = "config.yaml";
constexpr std::string_view kLegacyName = "flink-conf.yaml";

Error refuse(const std::string& place, const std::string& reason) {
  return Error::user(ErrorCode::invalid_argument, place + ": " + reason);
}

/// Errors: io, also for a directory under the file's name; resource_exhausted above the limit.
Result<std::string> read_file(const std::filesystem::path& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  auto failed = [&] {
    return Error::external(ErrorCode::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  };
  if (!file) return failed();
  std::string text(kFileBytesMax + 1, '\0');
  std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return failed();
  if (size > kFileBytesMax) {
    return Error::user(
        ErrorCode::resource_exhausted,
        fmt::format("{} is larger than {} bytes, too large for a configuration", path.string(), kFileBytesMax));
  }
  text.resize(size);
  return text;
}

/// Checks and collects the settings of one file or variable.
class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}

  /// Errors: a key that is none; a key that is there already.
  Result<void> add(std::string_view key, std::string_view value, int line) {
    std::string place = place_of(line);
    TRY_VOID(check_text(key, value, place));
    auto earlier = loaded_.configuration.settings().find(canonical_key(key));
    if (earlier != loaded_.configuration.settings().end()) {
      const Setting& setting = earlier->second;
      if (setting.written == key)
        return refuse(place, fmt::format("{} is set a second time, first at {}; remove one", key, setting.origin));
      return refuse(place, fmt::format("{} sets what {} has set at {}: they are two names of one option; remove one",
                                       key, setting.written, setting.origin));
    }
    loaded_.configuration.set(key, std::string(value), place);
    return {};
  }

  static Result<void> check_text(std::string_view key, std::string_view value, const std::string& place) {
    if (key.empty()) return refuse(place, "the key before the colon is missing");
    if (key.size() > kKeyBytesMax) return refuse(place, fmt::format("the key has more than {} bytes", kKeyBytesMax));
    for (char letter : key) {
      if (static_cast<unsigned char>(letter) <= ' ' || letter == 0x7F) {
        return refuse(place, fmt::format("the key {} has a blank in it", in_quotes(key)));
      }
    }
    if (value.find('\0') != std::string_view::npos)
      return refuse(place, fmt::format("the value of {} has a zero byte in it", key));
    return {};
  }

  std::string place_of(int line) const { return fmt::format("{}:{}", name_, line); }
  void warn(std::string sentence) { loaded_.warnings.push_back(std::move(sentence)); }
  Loaded take() { return std::move(loaded_); }

 private:
  std::string name_;
  Loaded loaded_;
};

/// A line for a message; one that may hold a secret is not repeated.
std::string line_shown(std::string_view line) { return is_secret_key(line) ? "the line" : in_quotes(line); }

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) return line.substr(0, i);
  }
  return line;
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

bool is_name_byte(char letter, bool first) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_' ||
         (!first && letter >= '0' && letter <= '9');
}

/// Replaces $NAME and ${NAME} as envsubst does: an unknown variable is empty, anything else stays.
std::string expanded(std::string_view text, const std::map<std::string, std::string>& environment) {
  std::string out;
  while (!text.empty()) {
    std::size_t begin = 1;
    if (text[0] == '$' && text.size() > 1) {
      bool braces = text[1] == '{';
      begin = braces ? 2 : 1;
      std::size_t end = begin;
      while (end < text.size() && is_name_byte(text[end], end == begin)) ++end;
      if (end > begin && (!braces || (end < text.size() && text[end] == '}'))) {
        auto found = environment.find(std::string(text.substr(begin, end - begin)));
        if (found != environment.end()) out += found->second;
        text.remove_prefix(end + (braces ? 1 : 0));
        continue;
      }
    }
    out += text[0];
    text.remove_prefix(1);
  }
  return out;
}

Result<Loaded> load_file(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path yaml = fs::path(directory) / kYamlName;
  fs::path legacy = fs::path(directory) / kLegacyName;
  bool has_yaml = fs::exists(yaml, ignored);
  bool has_legacy = fs::exists(legacy, ignored);
  if (!has_yaml && !has_legacy) {
    std::string state = fs::is_directory(directory, ignored) ? "has neither config.yaml nor flink-conf.yaml"
                                                             : "is no readable directory";
    return Error::user(
        ErrorCode::not_found,
        fmt::format("the configuration directory {} {}; name another with WEIR_CONF_DIR", directory, state));
  }
  // As Flink 1.20: a flink-conf.yaml that somebody put beside the config.yaml of a distribution is what that person
  // wants.
  const fs::path& path = has_legacy ? legacy : yaml;
  TRY(std::string text, read_file(path));
  TRY(Loaded loaded, has_legacy ? parse_lines(text, path.string()) : parse_yaml(text, path.string()));
  loaded.file = path.string();
  if (has_yaml && has_legacy) {
    loaded.warnings.push_back(
        fmt::format("{} is ignored, because flink-conf.yaml stands beside it; remove one of them", yaml.string()));
  }
  return loaded;
}

}  // namespace

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    std::string_view variable = *one;
    std::size_t equals = variable.find('=');
    if (equals != std::string_view::npos) variables.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return variables;
}

Result<Loaded> parse_yaml(std::string_view text, const std::string& name) {
  TRY(std::vector<Line> lines, flatten_yaml(without_mark(text), name));
  Layer layer(name);
  for (const Line& line : lines) {
    if (!line.has_value) {
      layer.warn(fmt::format("{}: {} has no value and is ignored", layer.place_of(line.line), line.key));
      continue;
    }
    TRY_VOID(layer.add(line.key, line.value, line.line));
  }
  return layer.take();
}

Result<Loaded> parse_lines(std::string_view text, const std::string& name) {
  Layer layer(name);
  int number = 0;
  for (std::string_view line : split(without_mark(text), '\n')) {
    ++number;
    line = trimmed(without_comment(line));
    if (line.empty()) continue;
    std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos && line.ends_with(':')) {
      layer.warn(
          fmt::format("{}: {} has no value and is ignored", layer.place_of(number), line.substr(0, line.size() - 1)));
      continue;
    }
    if (colon == std::string_view::npos) {
      return refuse(layer.place_of(number),
                    fmt::format("{} is not of the form key: value, with a blank after the colon", line_shown(line)));
    }
    TRY_VOID(layer.add(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)), number));
  }
  return layer.take();
}

Result<Loaded> parse_properties(std::string_view text, const std::string& name,
                                const std::map<std::string, std::string>& environment) {
  Layer layer(name);
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trimmed(without_comment(line));
    if (line.empty()) continue;
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return refuse(layer.place_of(number), fmt::format("{} is not of the form key: value", line_shown(line)));
    }
    std::string value = expanded(trimmed(line.substr(colon + 1)), environment);
    TRY_VOID(layer.add(trimmed(line.substr(0, colon)), value, number));
  }
  return layer.take();
}

Result<Configuration> parse_dynamic(const std::vector<std::string>& arguments) {
  Configuration configuration;
  for (const std::string& argument : arguments) {
    std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error::user(ErrorCode::invalid_argument, fmt::format("-D {}: write -Dkey=value", line_shown(argument)));
    }
    std::string_view key = trimmed(std::string_view(argument).substr(0, equals));
    std::string_view value = trimmed(std::string_view(argument).substr(equals + 1));
    TRY_VOID(Layer::check_text(key, value, "-D"));
    configuration.set(key, std::string(value), "-D");
  }
  return configuration;
}

Result<Loaded> load(const Sources& sources) {
  Loaded loaded;
  if (!sources.directory.empty()) {
    TRY(loaded, load_file(sources.directory));
  }
  for (std::string name : {"FLINK_PROPERTIES", "WEIR_PROPERTIES"}) {
    auto found = sources.environment.find(name);
    if (found == sources.environment.end()) continue;
    TRY(Loaded layer, parse_properties(found->second, name, sources.environment));
    loaded.configuration.merge(layer.configuration);
  }
  TRY(Configuration dynamic, parse_dynamic(sources.dynamic));
  loaded.configuration.merge(dynamic);
  return loaded;
}

}  // namespace weir::config
