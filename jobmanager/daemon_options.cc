#include "jobmanager/daemon_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "common/base/try.h"
#include "common/config/check.h"
#include "common/config/options.h"

namespace weir::jobmanager {

namespace {

/// What a JobManager takes beside the finished jobs that it remembers.
constexpr ByteCount kOwnMemory = ByteCount::mib(64);

std::chrono::milliseconds millis(config::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Result<JobOptions> read_job_options(const config::Configuration& configuration) {
  JobOptions options;
  TRY(auto slot_request, configuration.get(config::kSlotRequestTimeout));
  TRY(auto cancellation, configuration.get(config::kTaskCancellationTimeout));
  TRY(auto call, configuration.get(config::kRpcAskTimeout));
  TRY(auto worker_start, configuration.get(config::kWorkerStartTimeout));
  TRY(auto transfer, configuration.get(config::kBlobClientSocketTimeout));
  options.timeouts.slot_request = millis(slot_request);
  options.timeouts.cancellation = millis(cancellation);
  options.timeouts.call = millis(call);
  // A deployment may have to fetch the artefact and start a worker first.
  options.timeouts.deploy = millis(call) + millis(worker_start) + millis(transfer);
  TRY(auto slot_idle, configuration.get(config::kSlotIdleTimeout));
  options.timeouts.slot_idle = millis(slot_idle);
  TRY(auto exceptions, configuration.get(config::kWebExceptionHistorySize));
  options.exceptions_max = static_cast<std::size_t>(exceptions);
  return options;
}

Result<FinishedJobLimits> read_finished_limits(const config::Configuration& configuration) {
  FinishedJobLimits limits;
  TRY(auto seconds, configuration.get(config::kJobStoreExpirationSeconds));
  TRY(auto bytes, configuration.get(config::kJobStoreCacheSize));
  TRY(auto jobs, configuration.find(config::kJobStoreMaxCapacity));
  limits.kept_for = std::chrono::seconds(seconds);
  limits.bytes_max = bytes.bytes();
  if (jobs) limits.jobs_max = static_cast<std::size_t>(*jobs);
  return limits;
}

Result<rpc::Limits> read_rpc_limits(const config::Configuration& configuration) {
  rpc::Limits limits;
  TRY(auto frame, configuration.get(config::kRpcMaxFrameBytes));
  TRY(auto keep, configuration.get(config::kRpcReturnTimeout));
  TRY(auto backoff, configuration.get(config::kRpcReconnectBackoffMax));
  limits.payload_bytes_max = frame.bytes();
  limits.keep_time = millis(keep);
  limits.backoff_max = millis(backoff);
  return limits;
}

/// The address space of one planner: weir.planner.memory, or what jobmanager.memory.process.size leaves for each, which
/// is less.
Result<ByteCount> planner_memory(const config::Configuration& configuration) {
  TRY(const ByteCount planner, configuration.get(config::kPlannerMemory));
  TRY(const auto process, configuration.find(config::kJobManagerProcessMemory));
  if (!process) return planner;
  TRY(const ByteCount finished_jobs, configuration.get(config::kJobStoreCacheSize));
  const ByteCount own = kOwnMemory + finished_jobs;
  const ByteCount least = own + *config::Value<ByteCount>::parse(*config::kPlannerMemory.least) * kPlannersMax;
  if (*process < least) {
    return configuration.placed(
        Error::user(
            ErrorCode::invalid_argument,
            fmt::format("{} ({}) is too little for a JobManager, {} of finished jobs ({}) and {} planners: at least {}",
                        config::kJobManagerProcessMemory.key, config::to_text(*process), config::to_text(finished_jobs),
                        config::kJobStoreCacheSize.key, kPlannersMax, config::to_text(least))),
        config::kJobManagerProcessMemory.key);
  }
  return std::min(planner, (*process - own) / kPlannersMax);
}

Result<SubmissionOptions> read_submission_options(const config::Configuration& configuration,
                                                  const ProcessFacts& facts) {
  SubmissionOptions options;
  options.job_defaults = configuration.job_part();
  options.planner = facts.planner;
  options.home = facts.home;
  TRY(auto environment, configuration.find(config::kPlannerEnvironment));
  if (environment) options.planner_environment = *environment;
  TRY(auto timeout, configuration.get(config::kPlannerTimeout));
  TRY(auto memory, planner_memory(configuration));
  options.limits.timeout = millis(timeout);
  options.limits.address_space_bytes = memory.bytes();
  return options;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Result<void> read_rest(const config::Configuration& configuration, DaemonOptions& options) {
  TRY(options.rest, config::rest_listener(configuration));
  TRY(auto threads, configuration.get(config::kRestServerThreads));
  TRY(auto upload, configuration.get(config::kRestServerMaxContentLength));
  TRY(auto idle, configuration.get(config::kRestIdlenessTimeout));
  TRY(auto answer, configuration.get(config::kWebTimeout));
  TRY(auto refresh, configuration.get(config::kWebRefreshInterval));
  TRY(auto origin, configuration.find(config::kWebAccessControlAllowOrigin));
  http::ServerOptions& http = options.http;
  http.bind_host = options.rest.bind_host;
  http.ports = socket_ports(options.rest.bind_ports);
  http.ports_option = options.rest.ports_option;
  http.threads = threads;
  http.allow_origin = origin.value_or("");
  http.idle_timeout = millis(idle);
  http.answer_timeout = millis(answer);
  rest::RestSettings& settings = options.rest_settings;
  settings.weir_version = WEIR_VERSION;
  settings.revision = options.facts.revision;
  settings.refresh_interval_ms = millis(refresh).count();
  settings.upload_bytes_max = upload.bytes();
  TRY(settings.submit_enabled, configuration.get(config::kWebSubmitEnable));
  TRY(settings.cancel_enabled, configuration.get(config::kWebCancelEnable));
  settings.configuration = configuration.shown();
  settings.program_options = options.facts.program_options;
  settings.origins = {.allowed_origin = http.allow_origin,
                      .is_loopback = config::is_loopback(options.rest.bind_host),
                      .own_hosts = {options.rest.advertised_host.value_or(options.rest.bind_host), host_name()}};
  if (!options.facts.log_file.empty()) {
    const std::filesystem::path log(options.facts.log_file);
    settings.log_file = log.string();
    settings.log_directory = log.has_parent_path() ? log.parent_path().string() : ".";
    settings.stdout_file = std::filesystem::path(log).replace_extension(".out").string();
  }
  return {};
}

Result<void> read_directories(const config::Configuration& configuration, DaemonOptions& options) {
  TRY(auto directories, config::temporary_directories(configuration));
  options.temporary_directory =
      directories.front() + "/weir-jobmanager-" + Incarnation::random().to_hex().substr(0, 12);
  TRY(auto store, configuration.find(config::kBlobStorageDirectory));
  TRY(auto upload, configuration.find(config::kWebUploadDirectory));
  options.store_directory = options.temporary_directory + "/artefacts";
  // Uploads survive a restart where somebody said where they are to stay.
  if (upload) options.store_directory = *upload + "/weir-artefacts";
  if (store) options.store_directory = *store + "/weir-artefacts";
  options.http.spool_directory = options.temporary_directory + "/uploads";
  options.rest_settings.upload_directory = upload ? *upload + "/weir-web-upload" : options.http.spool_directory;
  return {};
}

}  // namespace

std::vector<PortRange> socket_ports(const config::PortRange& ports) {
  std::vector<PortRange> converted;
  for (const auto& span : ports.spans) converted.push_back({span.first, span.last});
  return converted;
}

Result<DaemonOptions> read_daemon_options(const config::Configuration& configuration, ProcessFacts facts) {
  DaemonOptions options;
  options.facts = std::move(facts);
  TRY(options.cluster, config::cluster_id(configuration));
  TRY(options.rpc, config::jobmanager_rpc_listener(configuration));
  TRY(options.blob, config::blob_listener(configuration));
  TRY(options.rpc_limits, read_rpc_limits(configuration));
  TRY(auto interval, configuration.get(config::kHeartbeatInterval));
  TRY(auto timeout, configuration.get(config::kHeartbeatTimeout));
  options.heartbeat_interval = millis(interval);
  options.registry.heartbeat_timeout = millis(timeout);
  options.rpc_limits.silence_max = rpc::silence_max(timeout);
  TRY(options.dispatcher.job, read_job_options(configuration));
  options.registry.call_timeout = options.dispatcher.job.timeouts.call;
  TRY(options.dispatcher.finished, read_finished_limits(configuration));
  TRY(options.submission, read_submission_options(configuration, options.facts));
  TRY_VOID(read_rest(configuration, options));
  TRY_VOID(read_directories(configuration, options));
  TRY(auto threads, configuration.get(config::kIoPoolSize));
  options.io_threads = static_cast<std::size_t>(threads);
  TRY(options.blob_reads_max, configuration.get(config::kBlobFetchConcurrent));
  TRY(auto shutdown, configuration.get(config::kServicesShutdownTimeout));
  options.shutdown_timeout = millis(shutdown);
  return options;
}

}  // namespace weir::jobmanager
