#include "weir/file_path.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::string_view kScheme = "file:";

Error refuse(std::string_view text, const std::string& why) {
  return Error::user(ErrorCode::invalid_argument, "the path '" + std::string(text) + "' " + why);
}

/// "s3" of "s3://bucket/key"; empty when it begins with no scheme that is followed by a slash.
std::string_view scheme_of(std::string_view text) {
  const std::size_t colon = text.find(":/");
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view scheme = text.substr(0, colon);
  const bool is_scheme = std::ranges::all_of(scheme, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  });
  return is_scheme ? scheme : std::string_view();
}

}  // namespace

Result<std::string> parse_file_path(std::string_view text) {
  std::string_view path = text;
  if (path.starts_with(kScheme)) {
    path.remove_prefix(kScheme.size());
    if (path.starts_with("//")) {
      const std::string_view authority = path.substr(2, std::min(path.find('/', 2), path.size()) - 2);
      if (!authority.empty() && authority != "localhost")
        return refuse(text, "names the machine '" + std::string(authority) +
                                "': files are those of the workers' machines; write file:/ and the path, or file:///");
      path.remove_prefix(2 + authority.size());
    }
  } else if (const std::string_view scheme = scheme_of(text); !scheme.empty()) {
    return refuse(text,
                  "is one of '" + std::string(scheme) +
                      ":', and only files can be read and written: give an absolute path, or file:/ and the path");
  }
  if (path.find('\0') != std::string_view::npos) return refuse(text.substr(0, text.find('\0')), "holds a zero byte");
  if (path.empty()) return refuse(text, "is empty: give an absolute one");
  if (!path.starts_with('/'))
    return refuse(text,
                  "is relative, and client, planner and workers stand in different directories: give an absolute one");
  return std::string(path);
}

}  // namespace weir
