#include "jobmanager/blob/artefact.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "api/loader/job_notes.h"
#include "common/base/text.h"
#include "common/base/try.h"
#include "common/storage/bundle.h"

namespace weir::jobmanager {

namespace {

constexpr std::string_view kWhatIsTaken = "a job library (.so), a bundle of it (.tar.gz), or either of them named .jar";

Error refused(std::string message) { return Error::user(ErrorCode::invalid_argument, std::move(message)); }

Result<JobArtefact> inspect_bundle(const std::string& path, const std::string& shown, const std::string& directory,
                                   const LibraryReader& read_library) {
  TRY_VOID(unpack_bundle(path, directory, BundleLimits()));
  auto inspect = [&]() -> Result<JobArtefact> {
    TRY(auto manifest, read_manifest(directory));
    TRY(auto entries,
        read_library(directory + "/" + manifest.library, fmt::format("{} of the bundle {}", manifest.library, shown)));
    JobArtefact artefact{true, manifest.library, manifest.entry_job, std::move(entries)};
    if (!artefact.default_entry.empty()) TRY_VOID(choose_entry(artefact, artefact.default_entry));
    return artefact;
  };
  auto artefact = inspect();
  if (!artefact.ok()) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    return artefact.error();
  }
  return artefact;
}

}  // namespace

Result<std::vector<JobEntry>> read_library_notes(const std::string& path, const std::string& shown_name) {
  TRY(auto notes, read_job_notes(path, shown_name));
  std::vector<JobEntry> entries;
  for (auto& note : notes) entries.push_back({std::move(note.name), ""});
  return entries;
}

Result<void> check_artefact_name(std::string_view name) {
  for (std::string_view ending : {".so", ".tar.gz", ".sql", ".jar"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) return {};
  }
  return refused(fmt::format("'{}' is not taken: a job comes as {}", printable(name, 200), kWhatIsTaken));
}

Result<JobArtefact> inspect_artefact(const std::string& path, const std::string& name,
                                     const std::string& unpack_directory, const LibraryReader& read_library) {
  std::error_code problem;
  const auto bytes = std::filesystem::file_size(path, problem);
  if (problem)
    return Error::external(ErrorCode::io, fmt::format("cannot read the upload {}: {}", path, problem.message()));
  const std::string shown = printable(name, 200);
  if (bytes == 0) return refused(fmt::format("'{}' is empty: the upload has 0 bytes", shown));
  if (name.ends_with(".sql"))
    return refused(fmt::format("'{}' is a SQL script, and this version of Weir runs job libraries only", shown));
  TRY(const bool bundle, is_bundle(path));
  if (bundle) {
    auto artefact = inspect_bundle(path, shown, unpack_directory, read_library);
    if (!artefact.ok()) return artefact.error().within(fmt::format("the bundle '{}' is refused", shown));
    return artefact;
  }
  if (name.ends_with(".tar.gz"))
    return refused(fmt::format("'{}' is not compressed with gzip; a job comes as {}", shown, kWhatIsTaken));
  TRY(auto entries, read_library(path, "'" + shown + "'"));
  return JobArtefact{false, "", "", std::move(entries)};
}

Result<std::string> choose_entry(const JobArtefact& artefact, const std::string& wanted) {
  const std::string& name = wanted.empty() ? artefact.default_entry : wanted;
  if (name.empty() && artefact.entries.size() == 1) return artefact.entries.front().name;
  std::string known;
  for (const auto& entry : artefact.entries) {
    if (entry.name == name) return name;
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  if (name.empty())
    return Error::user(ErrorCode::not_found,
                       fmt::format("the library holds several jobs; say which with --class: {}", known));
  return Error::user(ErrorCode::not_found,
                     fmt::format("there is no job '{}' in the library; it holds: {}", printable(name, 200), known));
}

}  // namespace weir::jobmanager
