#include "connectors/files/input_files.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "common/base/try.h"
#include "common/storage/durable_file.h"

namespace weir::connectors {
namespace {

namespace fs = std::filesystem;

/// Somebody's own, or still being written.
bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') || name.starts_with('_') || is_unfinished(name);
}

constexpr int kDepthMax = 64;

/// Adds the files of a directory and of those in it.
Result<void> list_directory(const std::string& path, int depth, std::vector<std::string>& files) {
  if (depth > kDepthMax)
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("{} lies more than {} directories deep: does a link in it lead back?", path, kDepthMax));
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (is_hidden(entry->path())) continue;
    std::error_code failed;
    const fs::file_status status = entry->status(failed);
    if (status.type() == fs::file_type::none)
      return Error::external(ErrorCode::io, fmt::format("cannot look at {}: {}; does a link in it lead back?",
                                                        entry->path().string(), failed.message()));
    if (fs::is_regular_file(status)) {
      files.push_back(entry->path().string());
    } else if (fs::is_directory(status)) {
      TRY_VOID(list_directory(entry->path().string(), depth + 1, files));
    }
  }
  if (error)
    return Error::external(ErrorCode::io, fmt::format("cannot read the directory {}: {}", path, error.message()));
  return {};
}

Result<std::vector<std::string>> list_pattern(const std::string& pattern) {
  glob_t found{};
  const int answer = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  std::vector<std::string> files, directories;
  for (std::size_t i = 0; answer == 0 && i < found.gl_pathc; ++i) {
    std::error_code ignored;
    if (fs::is_regular_file(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
    if (fs::is_directory(found.gl_pathv[i], ignored)) directories.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  if (answer == GLOB_ABORTED)
    return Error::external(ErrorCode::io, fmt::format("cannot read a directory of the pattern {}", pattern));
  for (const std::string& directory : directories) TRY_VOID(list_directory(directory, 0, files));
  return files;
}

}  // namespace

Result<std::vector<std::string>> list_input_files(const std::string& path, NoFiles none) {
  if (!path.starts_with('/'))
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("the path '{}' is relative: give an absolute one", path));
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  std::vector<std::string> files;
  if (fs::is_directory(status)) {
    TRY_VOID(list_directory(path, 0, files));
  } else if (fs::is_regular_file(status)) {
    files.push_back(path);
  } else if (path.find_first_of("*?[") != std::string::npos) {
    TRY(files, list_pattern(path));
    if (files.empty() && none == NoFiles::error)
      return Error::user(ErrorCode::not_found, fmt::format("no file matches {}", path));
  } else if (status.type() == fs::file_type::not_found) {
    return Error::user(ErrorCode::not_found, fmt::format("there is no file {}", path));
  } else {
    return Error::user(ErrorCode::invalid_argument, fmt::format("{} is neither a file nor a directory{}{}", path,
                                                                error ? ": " : "", error ? error.message() : ""));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace weir::connectors
