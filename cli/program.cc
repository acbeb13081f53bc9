#include "cli/program.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <string_view>

#include "weir/file_path.h"

namespace weir::cli {

Result<void> check_library(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    return Error::user(ErrorCode::not_found, fmt::format("the job library does not exist: {}", path));
  }
  if (!S_ISREG(about.st_mode))
    return Error::user(ErrorCode::invalid_argument, fmt::format("the job library is not a file: {}", path));
  if (about.st_size == 0)
    return Error::user(ErrorCode::invalid_argument, fmt::format("the job library is empty: {}", path));
  return {};
}

Result<void> check_arguments(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::size_t at = argument.starts_with("file:") ? 0 : argument.find("=file:");
    if (at == std::string::npos) continue;
    const std::size_t place = argument.find("file:", at);
    const auto parsed = parse_file_path(std::string_view(argument).substr(place));
    if (parsed.ok()) continue;
    const std::string relative = argument.substr(place + 5);
    if (relative.starts_with('/'))
      return Error::user(ErrorCode::invalid_argument,
                         fmt::format("the argument {}: {}", argument, parsed.error().message));
    std::error_code error;
    std::string absolute = (std::filesystem::current_path(error) / relative).lexically_normal().string();
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("a relative path in the argument {}: client, planner and workers stand in different directories; "
                    "write the absolute one, {}file:{}",
                    argument, argument.substr(0, place), absolute));
  }
  return {};
}

}  // namespace weir::cli
