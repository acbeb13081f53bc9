#include "cli/plan.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/planner_child.h"
#include "cli/program.h"
#include "common/base/ids.h"
#include "common/base/try.h"
#include "common/config/job_options.h"
#include "common/config/layers.h"
#include "common/plan/chaining.h"
#include "common/plan/plan_json.h"
#include "common/storage/bundle.h"

namespace weir::cli {

namespace {

/// A directory that goes away with this object.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> make() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "weir-plan-XXXXXX").string();
    if (error || ::mkdtemp(path.data()) == nullptr) return Error::external(ErrorCode::io, fmt::format("cannot make a directory: {}", path));
    return ScratchDirectory(std::move(path));
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Where the library itself is: the artefact, or a file in the unpacked bundle.
struct Library {
  std::string path;
  std::string directory;  ///< of a bundle's own libraries; empty without a bundle
  std::string entry;
  std::optional<ScratchDirectory> scratch;
};

Result<Library> find_library(const Program& program) {
  Library library;
  library.entry = program.entry;
  library.path = program.library;
  TRY(bool bundled, is_bundle(program.library));
  if (!bundled) return library;
  TRY(ScratchDirectory scratch, ScratchDirectory::make());
  std::string root = scratch.path() + "/bundle";
  TRY_VOID(unpack_bundle(program.library, root, BundleLimits()));
  TRY(BundleManifest manifest, read_manifest(root));
  library.path = root + "/" + manifest.library;
  library.directory = std::filesystem::path(library.path).parent_path().string();
  if (library.entry.empty()) library.entry = manifest.entry_job;
  library.scratch.emplace(std::move(scratch));
  return library;
}

Result<plan::GraphSettings> graph_settings(const Program& program, const config::Configuration& configuration) {
  plan::GraphSettings settings;
  settings.submission_parallelism = program.parallelism;
  TRY(settings.default_parallelism, configuration.get(config::kParallelismDefault));
  TRY(settings.default_max_parallelism, configuration.get(config::kPipelineMaxParallelism));
  TRY(settings.chaining, configuration.get(config::kPipelineOperatorChaining));
  return settings;
}

Result<std::string> plan_text(const Program& program, const std::string& executable, const config::Configuration& configuration,
                              const std::map<std::string, std::string>& submitted, Console& console) {
  TRY_VOID(check_library(program.library));
  TRY_VOID(check_arguments(program.arguments));
  TRY(config::Loaded job, config::job_configuration(configuration, submitted));
  for (const std::string& warning : job.warnings) console.complain("warning: " + warning);
  TRY(Library library, find_library(program));

  PlannerStart start;
  start.executable = executable;
  start.library = library.path;
  start.library_directory = library.directory;
  start.shown_name = std::filesystem::path(program.library).filename().string();
  start.entry = library.entry;
  start.arguments = program.arguments;
  for (const auto& [key, setting] : job.configuration.settings()) start.configuration[key] = setting.value;
  TRY(plan::Plan plan, run_planner_child(start));
  for (const std::string& warning : plan.warnings) console.complain("warning: " + warning);
  TRY(plan::GraphSettings settings, graph_settings(program, job.configuration));
  TRY(plan::JobGraph graph, plan::make_job_graph(plan, settings));
  return plan::plan_json(graph, plan, JobId::random().to_hex());
}

}  // namespace

Result<int> plan(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console) {
  TRY(std::string text, plan_text(program, executable, configuration, submitted, console));
  console.print(text);
  return 0;
}

Result<int> info(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console) {
  TRY(std::string text, plan_text(program, executable, configuration, submitted, console));
  console.print("----------------------- Execution Plan -----------------------");
  console.print(text);
  console.print("--------------------------------------------------------------");
  return 0;
}

}  // namespace weir::cli
