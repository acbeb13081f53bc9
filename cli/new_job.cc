#include "cli/new_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/job_template.h"
#include "common/base/try.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

Result<void> check_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  if (!name.empty() && name.size() <= 60 && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return {};
  }
  return Error::user(
      ErrorCode::invalid_argument,
      fmt::format("'{}' is no name for a job: begin with a letter, go on with letters, digits, '-' and '_', at most 60",
                  name));
}

std::string replaced(std::string_view text, std::string_view word, std::string_view by) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(word);
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    out.append(by);
    text.remove_prefix(at + word.size());
  }
}

Result<void> write_file(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return Error::external(ErrorCode::io, fmt::format("cannot write {}", path.string()));
  return {};
}

Result<std::vector<std::string>> write_template(const fs::path& folder, const std::string& name,
                                                const std::string& ident) {
  std::vector<std::string> written;
  for (const TemplateFile& file : job_template()) {
    const auto fill = [&](std::string_view text) { return replaced(replaced(text, "@name@", name), "@ident@", ident); };
    const std::string path = fill(file.path);
    TRY_VOID(write_file(folder / path, fill(file.text)));
    written.push_back(path);
  }
  return written;
}

}  // namespace

Result<std::vector<std::string>> make_new_job(const std::string& directory) {
  fs::path folder = fs::path(directory).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  const std::string name = folder.filename().string();
  TRY_VOID(check_name(name));
  std::error_code error;
  if (fs::exists(folder, error)) {
    return Error::user(ErrorCode::already_exists,
                       fmt::format("{} exists already: choose another name, or remove it first", folder.string()));
  }
  if (!fs::create_directories(folder, error)) {
    return Error::external(ErrorCode::io,
                           fmt::format("cannot make the folder {}: {}", folder.string(), error.message()));
  }
  std::string ident = name;
  std::replace(ident.begin(), ident.end(), '-', '_');
  Result<std::vector<std::string>> written = write_template(folder, name, ident);
  if (!written.ok()) fs::remove_all(folder, error);
  return written;
}

}  // namespace weir::cli
