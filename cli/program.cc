#include "cli/program.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

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
    std::size_t at = argument.starts_with("file:") ? 0 : argument.find("=file:");
    if (at == std::string::npos) continue;
    std::size_t path = argument.find("file:", at) + 5;
    if (path < argument.size() && argument[path] == '/') continue;
    std::error_code error;
    std::string absolute = (std::filesystem::current_path(error) / argument.substr(path)).lexically_normal().string();
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("a relative path in the argument {}: client, planner and workers stand in different directories; "
                    "write the absolute one, {}{}",
                    argument, argument.substr(0, path), absolute));
  }
  return {};
}

}  // namespace weir::cli
