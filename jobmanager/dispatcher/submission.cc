#include "jobmanager/dispatcher/submission.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/try.h"
#include "common/config/check.h"
#include "common/config/job_options.h"
#include "common/config/options.h"
#include "common/observe/log.h"
#include "common/plan/chaining.h"
#include "common/plan/fingerprint.h"
#include "common/plan/plan_json.h"

namespace weir::jobmanager {

namespace {

std::map<std::string, std::string> values_of(const config::Configuration& configuration) {
  std::map<std::string, std::string> values;
  for (const auto& [key, setting] : configuration.settings()) values[key] = setting.value;
  return values;
}

static_assert(static_cast<int>(config::RuntimeMode::automatic) == static_cast<int>(plan::RuntimeMode::automatic));

/// Options that mean something to user code, in the one form in which it finds them: what AUTOMATIC came to, and each
/// global parameter under a key of its own.
void settle(config::Configuration& configuration, bool is_batch, const config::Map& parameters) {
  configuration.set(config::kRuntimeMode.key, is_batch ? "BATCH" : "STREAMING", "resolved");
  for (const auto& [name, value] : parameters) {
    configuration.set(fmt::format("{}.{}", config::kPipelineGlobalJobParameters.key, name), value, "resolved");
  }
}

/// "key: value, ...", secrets redacted.
std::string shown(const std::map<std::string, std::string>& settings) {
  std::string text;
  for (const auto& [key, value] : settings) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key,
                        config::is_secret_key(key) ? config::kRedacted : std::string_view(value));
  }
  return text;
}

Result<plan::GraphSettings> graph_settings(const config::Configuration& configuration) {
  plan::GraphSettings settings;
  TRY(settings.default_parallelism, configuration.get(config::kParallelismDefault));
  TRY(settings.default_max_parallelism, configuration.get(config::kPipelineMaxParallelism));
  TRY(settings.chaining, configuration.get(config::kPipelineOperatorChaining));
  TRY(const config::RuntimeMode mode, configuration.get(config::kRuntimeMode));
  settings.mode = static_cast<plan::RuntimeMode>(mode);
  return settings;
}

/// What the build function set on its environment, last of all layers.
Result<config::Configuration> with_plan_settings(config::Configuration configuration, const plan::Plan& plan) {
  config::Configuration own;
  for (const auto& [key, value] : plan.configuration) own.set(key, value, "the job's build function");
  TRY_VOID(config::checked(own));
  configuration.merge(own.job_part());
  return configuration;
}

}  // namespace

Submission::Submission(BlobStore& blobs, Dispatcher& dispatcher, BlockingPool& planners, SubmissionOptions options)
    : blobs_(blobs), dispatcher_(dispatcher), planners_(planners), options_(std::move(options)) {}

Result<config::Loaded> Submission::layered(const RunRequest& request) const {
  std::map<std::string, std::string> submitted = request.configuration;
  if (request.parallelism > 0)
    submitted[std::string(config::kParallelismDefault.key)] = std::to_string(request.parallelism);
  return config::job_configuration(options_.job_defaults, submitted);
}

Async<SubmittedJob> Submission::plan(RunRequest request) {
  CO_TRY(auto jar, blobs_.find(request.jar_id));
  CO_TRY(auto entry, choose_entry(jar.artefact, request.entry));
  CO_TRY(auto layers, layered(request));
  config::Configuration configuration = std::move(layers.configuration);
  const BlobStore::Pin pin(blobs_, jar.key);
  CO_TRY(auto library, co_await blobs_.library_path(jar));

  PlannerCommand command;
  command.executable = options_.planner;
  command.home = options_.home;
  command.library = library;
  command.shown_name = jar.name;
  command.entry = entry;
  command.arguments = request.arguments;
  command.configuration = values_of(configuration);
  command.environment = options_.planner_environment;
  command.stop_descriptor = stop_.descriptor();
  const PlannerLimits limits = options_.limits;
  auto work = [command, limits] { return run_planner(command, limits); };
  auto planned = co_await run_blocking(planners_, std::move(work));
  if (!planned.ok()) co_return planned.error().within(fmt::format("cannot plan job '{}' of {}", entry, jar.name));

  SubmittedJob result;
  JobSubmission& submission = result.submission;
  plan::JobGraph& graph = result.graph;
  submission.plan = std::move(planned).value();
  CO_TRY(auto final_configuration, with_plan_settings(std::move(configuration), submission.plan));
  CO_TRY(auto settings, graph_settings(final_configuration));
  CO_TRY(graph, plan::make_job_graph(submission.plan, settings));
  submission.id = request.job_id.is_none() ? JobId::random() : request.job_id;
  graph.fingerprint = plan::fingerprint(submission.plan, jar.key.to_hex());
  graph.operator_digests = plan::operator_digests(submission.plan);
  CO_TRY(auto name, final_configuration.find(config::kPipelineName));
  if (name && !name->empty()) graph.job_name = *name;
  if (graph.job_name.empty()) graph.job_name = entry;
  submission.artefact = {jar.key.to_hex(), jar.bytes, jar.name, entry, request.arguments};
  CO_TRY(auto parameters, final_configuration.find(config::kPipelineGlobalJobParameters));
  settle(final_configuration, graph.is_batch, parameters.value_or(config::Map()));
  submission.configuration = values_of(final_configuration);
  submission.parallelism = submission.plan.parallelism > 0 ? submission.plan.parallelism : settings.default_parallelism;
  for (const auto& [key, value] : parameters.value_or(config::Map())) {
    submission.global_parameters[key] = config::is_secret_key(key) ? std::string(config::kRedacted) : value;
  }
  if (!request.configuration.empty())
    LOG_INFO("job {} is submitted with {}", submission.id, shown(request.configuration));
  for (const auto* warnings : {&request.warnings, &layers.warnings, &submission.plan.warnings})
    submission.warnings.insert(submission.warnings.end(), warnings->begin(), warnings->end());
  for (const auto& warning : submission.warnings) LOG_WARN("job {} ('{}'): {}", submission.id, graph.job_name, warning);
  co_return result;
}

Async<StartedJob> Submission::run(RunRequest request) {
  // Before the planner has worked for nothing.
  if (!request.job_id.is_none() && dispatcher_.knows(request.job_id)) {
    co_return Error::user(ErrorCode::already_exists, fmt::format("Job {} has already been submitted", request.job_id));
  }
  // The jar may be deleted while its job is planned; from the submission on the job itself keeps the artefact.
  CO_TRY(const auto jar, blobs_.find(request.jar_id));
  const BlobStore::Pin pin(blobs_, jar.key);
  CO_TRY(auto planned, co_await plan(std::move(request)));
  StartedJob started{planned.submission.id, planned.submission.warnings};
  CO_TRY_VOID(dispatcher_.submit(std::move(planned)));
  co_return started;
}

}  // namespace weir::jobmanager
