#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/interrupt.h"
#include "cli/program.h"
#include "cli/rest_client.h"
#include "common/base/try.h"
#include "common/config/layers.h"

namespace weir::cli {

namespace {

constexpr int kInterruptedExitCode = 130;  // 128 + SIGINT, as shells count
constexpr std::chrono::milliseconds kFirstPause{10};
constexpr std::chrono::milliseconds kLongestPause{2'000};
constexpr std::chrono::milliseconds kPatience{5'000};  // with one look at a running job: an interrupt waits for it

RunRequest request_of(const Program& program, const std::map<std::string, std::string>& configuration) {
  RunRequest request;
  request.entry = program.entry;
  request.arguments = program.arguments;
  request.parallelism = program.parallelism;
  request.configuration = configuration;
  return request;
}

/// An artefact at the JobManager, for the length of one verb: a job that runs has its own hold on it.
class Upload {
 public:
  /// @param cleaner  takes the artefact away in the end, also after an interrupt
  static Result<Upload> make(RestClient& client, RestClient& cleaner, const Program& program, Console& console) {
    TRY_VOID(check_library(program.library));
    std::string name = std::filesystem::path(program.library).filename().string();
    TRY(std::string id, client.upload(program.library, [&](std::uint64_t sent, std::uint64_t total) {
      console.show_progress(name, sent, total);
    }));
    return Upload(cleaner, std::move(id));
  }
  Upload(Upload&& other) noexcept : cleaner_(other.cleaner_), id_(std::exchange(other.id_, {})) {}
  ~Upload() {
    // Nobody is worse off for a file that stays, so a failure here is not worth a word.
    if (!id_.empty()) (void)cleaner_.delete_jar(id_);
  }
  const std::string& id() const { return id_; }

 private:
  Upload(RestClient& cleaner, std::string id) : cleaner_(cleaner), id_(std::move(id)) {}
  RestClient& cleaner_;
  std::string id_;
};

int leave_running(const std::string& job_id, const ClientSettings& settings, Console& console) {
  console.note(fmt::format("\nThe job goes on. To end it: weir cancel -m {} {}", settings.address.to_string(), job_id));
  return kInterruptedExitCode;
}

Result<int> cancel_and_leave(RestClient& client, const std::string& job_id, Console& console) {
  console.print(fmt::format("Cancelling job {}.", job_id));
  TRY_VOID(client.cancel(job_id));
  return kInterruptedExitCode;
}

bool may_pass(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::deadline_exceeded;
}

http::ClientOptions patient(http::ClientOptions options) {
  options.connect_timeout = std::min(options.connect_timeout, kPatience);
  options.read_timeout = std::min(options.read_timeout, kPatience);
  return options;
}

/// Uploads and starts.
/// Errors: cancelled when the person interrupted, with what has become of the job; what the JobManager says.
Result<StartedJob> submit(const RunVerb& verb, const std::map<std::string, std::string>& configuration,
                          const ClientSettings& settings, Interrupt& interrupt, Console& console) {
  http::ClientOptions options = settings.http;
  options.read_timeout = settings.submit_timeout;
  options.interrupted = [&interrupt] { return interrupt.wait_for(std::chrono::milliseconds(0)); };
  RestClient client(settings.address, options);
  RestClient cleaner(settings.address, patient(settings.http));
  auto upload = Upload::make(client, cleaner, verb.program, console);
  if (!upload.ok() && upload.error().code == ErrorCode::cancelled) {
    return Error::user(ErrorCode::cancelled, "interrupted during the upload: no job was started");
  }
  if (!upload.ok()) return upload.error();
  auto started = client.run(upload->id(), request_of(verb.program, configuration));
  if (!started.ok() && started.error().code == ErrorCode::cancelled) {
    return Error::user(
        ErrorCode::cancelled,
        fmt::format("interrupted while the job was planned; it may start all the same: weir list -m {} shows it",
                    settings.address.to_string()));
  }
  return started;
}

/// Asks until the job has ended; nothing when the person interrupted. A JobManager that is away for a while is waited
/// for.
Result<std::optional<JobResult>> wait_for_end(const std::string& job_id, const ClientSettings& settings,
                                              Interrupt& interrupt, Console& console) {
  RestClient client(settings.address, patient(settings.http));
  std::chrono::milliseconds pause = kFirstPause;
  int failures = 0;
  bool looked_for_slots = false;
  while (!interrupt.wait_for(failures == 0 ? pause : settings.retry_delay)) {
    Result<std::optional<JobResult>> result = client.result(job_id);
    if (result.ok() && result->has_value()) return result;
    if (!result.ok() && (!may_pass(result.error()) || ++failures > settings.retries_max)) return result;
    if (failures == 1) console.note(fmt::format("{}; trying again", result.error().message));
    if (result.ok()) failures = 0;
    pause = next_pause(pause);
    if (pause == kLongestPause && !looked_for_slots && result.ok()) {
      looked_for_slots = true;
      const Result<std::string> why = client.why_waiting(job_id);
      if (why.ok() && !why->empty()) console.note(*why);
    }
  }
  return std::optional<JobResult>();
}

Result<int> report(const std::string& job_id, const JobResult& result, Console& console) {
  if (result.status == "CANCELED") return Error::user(ErrorCode::user_code, fmt::format("job {} was canceled", job_id));
  if (result.status != "SUCCEEDED") {
    std::string why = result.cause.empty() ? "the JobManager gave no reason" : result.cause;
    return Error::user(ErrorCode::user_code, fmt::format("job {} failed: {}", job_id, why));
  }
  console.print("Program execution finished");
  console.print(fmt::format("Job with JobID {} has finished.", job_id));
  console.print(fmt::format("Job Runtime: {} ms", result.runtime_ms));
  if (!result.accumulators.empty()) {
    console.print("Accumulator Results: ");
    for (const auto& [name, value] : result.accumulators) console.print(fmt::format("- {}: {}", name, value));
  }
  return 0;
}

}  // namespace

std::chrono::milliseconds next_pause(std::chrono::milliseconds last) { return std::min(last * 2, kLongestPause); }

Result<int> run(const RunVerb& verb, const std::map<std::string, std::string>& configuration,
                const ClientSettings& settings, Console& console) {
  TRY_VOID(check_arguments(verb.program.arguments));
  TRY(const config::Loaded job, config::job_configuration({}, configuration));
  for (const std::string& warning : job.warnings) console.note("warning: " + warning);
  Interrupt interrupt;  // from here on, so that an upload does not stay behind
  auto submitted = submit(verb, configuration, settings, interrupt, console);
  if (!submitted.ok() && submitted.error().code == ErrorCode::cancelled) {
    console.complain(submitted.error().message);
    return kInterruptedExitCode;
  }
  if (!submitted.ok()) return submitted.error();
  const std::string job_id = submitted->id;
  for (const std::string& warning : submitted->warnings) {
    const bool is_new = std::find(job.warnings.begin(), job.warnings.end(), warning) == job.warnings.end();
    if (is_new) console.note("warning: " + warning);
  }
  console.print(fmt::format("Job has been submitted with JobID {}", job_id));
  if (verb.detached) return 0;

  TRY(std::optional<JobResult> result, wait_for_end(job_id, settings, interrupt, console));
  if (result) return report(job_id, *result, console);
  RestClient client(settings.address, patient(settings.http));
  if (verb.cancel_on_exit) return cancel_and_leave(client, job_id, console);
  return leave_running(job_id, settings, console);
}

}  // namespace weir::cli
