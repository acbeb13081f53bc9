#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/http_client.h"
#include "weir/result.h"

namespace weir::cli {

/// A job as lists show it.
struct JobLine {
  std::string id;
  std::string name;
  std::string state;          ///< "RUNNING"
  std::int64_t start_ms = 0;  ///< since 1970-01-01 UTC
};

/// How a job ended.
struct JobResult {
  std::string status;  ///< "SUCCEEDED", "FAILED", "CANCELED"
  std::int64_t runtime_ms = 0;
  std::string cause;  ///< stack trace of a failed job
  std::vector<std::pair<std::string, std::string>> accumulators;
};

/// What a run of an uploaded artefact is asked with.
struct RunRequest {
  std::string entry;
  std::vector<std::string> arguments;
  int parallelism = 0;  ///< 0: not given
  std::map<std::string, std::string> configuration;
};

/// A job that was accepted.
struct StartedJob {
  std::string id;
  std::vector<std::string> warnings;  ///< what was accepted and has no effect; a sentence each
};

/// The JobManager's REST API, as far as the command line needs it. Each call blocks until the answer or an Error.
/// Lives on: the main thread. Owned by the verb.
/// Errors of every call: unavailable and deadline_exceeded when the JobManager does not answer, with what to do;
/// otherwise the words of the JobManager, with not_found for 404, failed_precondition for 409, unavailable for 503,
/// invalid_argument for other 4xx.
class RestClient {
 public:
  RestClient(http::Address address, http::ClientOptions options) : http_(std::move(address), options) {}

  /// @return the jar id
  Result<std::string> upload(const std::string& path, std::function<void(std::uint64_t, std::uint64_t)> progress);
  Result<void> delete_jar(const std::string& jar_id);
  Result<StartedJob> run(const std::string& jar_id, const RunRequest& request);
  Result<std::vector<JobLine>> jobs();
  Result<void> cancel(const std::string& job_id);
  /// Nothing while the job has not ended.
  Result<std::optional<JobResult>> result(const std::string& job_id);
  /// One sentence about slots while the job waits for them; empty when it does not.
  Result<std::string> why_waiting(const std::string& job_id);

 private:
  Result<std::string> ask(std::string_view method, const std::string& target, const std::string& body);
  Result<std::string> body_of(Result<http::ClientResponse> response);

  http::HttpClient http_;
};

}  // namespace weir::cli
