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
#include "common/plan/exchange_window.h"
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
    if (error || ::mkdtemp(path.data()) == nullptr)
      return Error::external(ErrorCode::io, fmt::format("cannot make a directory: {}", path));
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
  TRY(const config::RuntimeMode mode, configuration.get(config::kRuntimeMode));
  settings.mode = static_cast<plan::RuntimeMode>(mode);
  return settings;
}

Result<plan::JobGraph> job_graph_of(const Program& program, const std::string& executable,
                                    const config::Configuration& configuration,
                                    const std::map<std::string, std::string>& submitted, Console& console,
                                    plan::Plan& plan) {
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
  TRY(plan, run_planner_child(start));
  for (const std::string& warning : plan.warnings) console.complain("warning: " + warning);
  TRY(plan::GraphSettings settings, graph_settings(program, job.configuration));
  return plan::make_job_graph(plan, settings);
}

/// "Exchange buffers of a slot: ...": the formula with its numbers.
std::string buffers_text(const plan::JobGraph& graph) {
  const plan::ExchangeNeed need = plan::exchange_need(graph);
  const auto mebibytes = [&](std::uint32_t window) { return static_cast<double>(need.bytes(window)) / (1 << 20); };
  return fmt::format(
      "Exchange buffers of a slot: {} channels x {} to {} blocks + {} blocks, of 41 KiB: {:.1f} to {:.1f} MiB.",
      need.channels, plan::kWindowMin, plan::kWindowMax, need.fixed_blocks, mebibytes(plan::kWindowMin),
      mebibytes(plan::kWindowMax));
}

}  // namespace

Result<int> plan(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console) {
  plan::Plan made;
  TRY(const plan::JobGraph graph, job_graph_of(program, executable, configuration, submitted, console, made));
  console.print(plan::plan_json(graph, made, JobId::random().to_hex()));
  return 0;
}

Result<int> info(const Program& program, const std::string& executable, const config::Configuration& configuration,
                 const std::map<std::string, std::string>& submitted, Console& console) {
  plan::Plan made;
  TRY(const plan::JobGraph graph, job_graph_of(program, executable, configuration, submitted, console, made));
  console.print("----------------------- Execution Plan -----------------------");
  console.print(plan::plan_json(graph, made, JobId::random().to_hex()));
  console.print("--------------------------------------------------------------");
  console.print("");
  console.print(buffers_text(graph));
  return 0;
}

}  // namespace weir::cli
