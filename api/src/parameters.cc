#include "weir/parameters.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "weir/context.h"

extern char** environ;  // NOLINT: POSIX's name

namespace weir {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;
constexpr std::string_view kBlanks = " \t\f";

bool is_blank(char letter) { return kBlanks.find(letter) != std::string_view::npos; }

std::string_view trimmed_left(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

std::string_view trimmed(std::string_view text) {
  text = trimmed_left(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

void append_utf8(std::string& to, unsigned code) {
  if (code < 0x80) {
    to.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    to.push_back(static_cast<char>(0xc0 | code >> 6));
    to.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    to.push_back(static_cast<char>(0xe0 | code >> 12));
    to.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    to.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

/// Lines of a properties file one by one, those put together that a backslash joins.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : rest_(text) {}

  /// @return  false at the end
  bool next(std::string& line) {
    line.clear();
    while (!rest_.empty()) {
      const std::string_view natural = trimmed_left(take_natural());
      if (line.empty() && (natural.empty() || natural.front() == '#' || natural.front() == '!')) continue;
      first_number_ = line.empty() ? number_ : first_number_;
      line += natural;
      std::size_t backslashes = 0;
      while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) return true;
      line.pop_back();
    }
    return !line.empty();
  }
  /// Where the last one began, from 1.
  int number() const { return first_number_; }

 private:
  std::string_view take_natural() {
    ++number_;
    const std::size_t end = rest_.find_first_of("\r\n");
    const std::string_view line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
    } else {
      const bool is_pair = rest_[end] == '\r' && end + 1 < rest_.size() && rest_[end + 1] == '\n';
      rest_.remove_prefix(end + (is_pair ? 2 : 1));
    }
    return line;
  }

  std::string_view rest_;
  int number_ = 0;
  int first_number_ = 0;
};

/// @return  nothing when `\u` lacks its four digits
std::optional<std::string> unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      plain.push_back(text[at]);
      continue;
    }
    const char letter = text[++at];
    if (letter == 'u') {
      unsigned code = 0;
      if (at + 4 >= text.size()) return std::nullopt;
      for (int digit = 0; digit < 4; ++digit) {
        const char hex = text[++at];
        if (std::isxdigit(static_cast<unsigned char>(hex)) == 0) return std::nullopt;
        code = code * 16 + static_cast<unsigned>(hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10);
      }
      append_utf8(plain, code);
    } else {
      plain.push_back(letter == 'n'   ? '\n'
                      : letter == 't' ? '\t'
                      : letter == 'r' ? '\r'
                      : letter == 'f' ? '\f'
                                      : letter);
    }
  }
  return plain;
}

/// Where the name of a line ends: at the first blank, `=` or `:` that no backslash stands before.
std::size_t end_of_name(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == '=' || line[at] == ':' || is_blank(line[at])) {
      return at;
    }
  }
  return line.size();
}

std::string quoted(const std::string& text) {
  if (!text.empty() && text.find_first_of(",:'\"{") == std::string::npos && trimmed(text).size() == text.size())
    return text;
  std::string made(1, '\'');
  for (const char letter : text) made.append(letter == '\'' ? 2 : 1, letter);
  made.push_back('\'');
  return made;
}

/// One side of a pair, from `at` up to a colon (names) or a comma (values).
std::optional<std::string> read_side(std::string_view text, std::size_t& at, char end) {
  while (at < text.size() && is_blank(text[at])) ++at;
  std::string side;
  if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
    const char quote = text[at++];
    for (;; ++at) {
      if (at >= text.size()) return std::nullopt;
      if (text[at] != quote) {
        side.push_back(text[at]);
      } else if (at + 1 < text.size() && text[at + 1] == quote) {
        side.push_back(text[++at]);
      } else {
        break;
      }
    }
    ++at;
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at < text.size() && text[at] != end) return std::nullopt;
    return side;
  }
  const std::size_t stop = std::min(text.find(end, at), text.size());
  side = trimmed(text.substr(at, stop - at));
  at = stop;
  return side;
}

}  // namespace

Parameters Parameters::from_args(const Arguments& args) {
  Parameters made;
  const auto is_name = [](const std::string& word) { return word.size() > 2 && word.starts_with("--"); };
  const auto& words = args.words();
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (!is_name(words[at]))
      throw UsageError("argument '" + words[at] + "' belongs to no name: write --name value, or --name=value");
    const std::string word = words[at].substr(2);
    if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      made.values_[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (at + 1 < words.size() && !is_name(words[at + 1])) {
      made.values_[word] = words[++at];
    } else {
      made.values_[word] = "true";
    }
  }
  return made;
}

Parameters Parameters::from_properties_file(const std::string& path) {
  if (!path.starts_with('/'))
    throw UsageError("properties file " + path +
                     ": its path must be absolute: planner and workers stand in folders of their own");
  const auto fail = [&](const std::string& why) -> UsageError {
    return UsageError("properties file " + path + " cannot be read: " + why);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) throw fail(std::strerror(errno));
  std::string text(kFileBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) throw fail(std::strerror(errno));
  if (text.size() > kFileBytesMax) throw fail("it is longer than 1 MiB");
  return from_properties_text(text, "properties file " + path);
}

Parameters Parameters::from_properties_text(std::string_view text, const std::string& name) {
  Parameters made;
  LogicalLines lines(text);
  for (std::string line; lines.next(line);) {
    const std::size_t end = end_of_name(line);
    std::string_view value = trimmed_left(std::string_view(line).substr(end));
    if (!value.empty() && (value.front() == '=' || value.front() == ':')) value = trimmed_left(value.substr(1));
    auto plain_name = unescaped(std::string_view(line).substr(0, end));
    auto plain_value = unescaped(value);
    const std::string place = name + ", line " + std::to_string(lines.number());
    if (!plain_name || !plain_value) throw UsageError(place + ": \\u wants four hexadecimal digits");
    if (plain_name->empty()) throw UsageError(place + ": a value without a name");
    made.values_[std::move(*plain_name)] = std::move(*plain_value);
  }
  return made;
}

Parameters Parameters::from_environment(std::string_view prefix) {
  Parameters made;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos || equals <= prefix.size() || !variable.starts_with(prefix)) continue;
    made.values_[std::string(variable.substr(prefix.size(), equals - prefix.size()))] = variable.substr(equals + 1);
  }
  return made;
}

Parameters Parameters::from_text(std::string_view text) {
  Parameters made;
  text = trimmed(text);
  for (std::size_t at = 0; at < text.size(); ++at) {  // past the comma
    auto name = read_side(text, at, ':');
    if (!name || at >= text.size())
      throw UsageError("parameters '" + std::string(text) + "' are no list of name:value with commas between");
    ++at;
    auto value = read_side(text, at, ',');
    if (!value)
      throw UsageError("parameters '" + std::string(text) + "': a quote has no end, or something stands behind it");
    made.values_[std::move(*name)] = std::move(*value);
  }
  return made;
}

Parameters Parameters::merged_with(const Parameters& stronger) const {
  Parameters both = stronger;
  both.values_.insert(values_.begin(), values_.end());
  return both;
}

std::string Parameters::text() const {
  std::string line;
  for (const auto& [name, value] : values_) {
    if (!line.empty()) line.push_back(',');
    line.append(quoted(name)).append(":").append(quoted(value));
  }
  return line;
}

std::string Parameters::label(std::string_view name) { return "parameter '" + std::string(name) + "'"; }

const std::string& Parameters::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw UsageError(label(name) + " is missing");
  return found->second;
}

Parameters RuntimeContext::job_parameters() const {
  return Parameters::from_text(setting("pipeline.global-job-parameters"));
}

}  // namespace weir
