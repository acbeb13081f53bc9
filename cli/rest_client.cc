#include "cli/rest_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/http/json.h"
#include "common/http/target.h"

namespace weir::cli {

namespace {

namespace json = boost::json;

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::failed_precondition;
    case 503: return ErrorCode::unavailable;
    default: return status < 500 ? ErrorCode::invalid_argument : ErrorCode::internal;
  }
}

/// The JobManager's words: the last entry of {"errors":[...]}, since the first may be "Internal server error.".
std::string words_of(const http::ClientResponse& response, const http::Address& address) {
  boost::system::error_code error;
  json::value body = json::parse(response.body, error);
  if (!error && body.is_object()) {
    const json::value* errors = body.get_object().if_contains("errors");
    if (errors != nullptr && errors->is_array() && !errors->get_array().empty() &&
        errors->get_array().back().is_string()) {
      return std::string(errors->get_array().back().get_string());
    }
  }
  return fmt::format(
      "{} answers with HTTP status {}, and not in a JobManager's words; -m HOST:PORT names the address of its REST API",
      address.to_string(), response.status);
}

/// Reads an answer with `read`, which may throw what Boost.JSON throws on a missing field or a wrong type.
template <class Read>
auto read_json(const std::string& body, Read read) -> Result<decltype(read(std::declval<const json::object&>()))> {
  try {
    return read(json::parse(body).as_object());
  } catch (const std::exception&) {
    return Error::external(ErrorCode::corrupt,
                           fmt::format("cannot understand the JobManager's answer: {}", body.substr(0, 200)));
  }
}

std::string text_at(const json::object& object, const char* name) { return std::string(object.at(name).as_string()); }

std::string body_for(const RunRequest& request) {
  json::object body;
  if (!request.entry.empty()) body["entryClass"] = request.entry;
  json::array arguments;
  for (const std::string& argument : request.arguments) arguments.push_back(json::string(argument));
  body["programArgsList"] = std::move(arguments);
  if (request.parallelism > 0) body["parallelism"] = request.parallelism;
  json::object configuration;
  for (const auto& [key, value] : request.configuration) configuration[key] = value;
  body["flinkConfiguration"] = std::move(configuration);
  return json::serialize(body);
}

/// The largest parallelism of each slot sharing group, added up.
int slots_needed(const json::object& job) {
  std::map<std::string, int> groups;
  for (const json::value& value : job.at("vertices").as_array()) {
    const json::object& vertex = value.as_object();
    int& slots = groups[text_at(vertex, "slotSharingGroupId")];
    slots = std::max(slots, vertex.at("parallelism").to_number<int>());
  }
  return std::accumulate(groups.begin(), groups.end(), 0,
                         [](int sum, const auto& group) { return sum + group.second; });
}

JobResult result_of(const json::object& object) {
  JobResult result;
  result.status = text_at(object, "application-status");
  result.runtime_ms = object.at("net-runtime").to_number<std::int64_t>();
  if (const json::value* cause = object.if_contains("failure-cause")) {
    result.cause = text_at(cause->as_object(), "stack-trace");
  }
  return result;
}

}  // namespace

Result<std::string> RestClient::body_of(Result<http::ClientResponse> response) {
  if (!response.ok()) {
    Error error = response.error();
    error.message += ". Is the JobManager running there? bin/start-cluster.sh starts one; -m HOST:PORT names another";
    return error;
  }
  if (response->status < 300) return std::move(response->body);
  return Error{code_of(response->status), response->status < 500 ? Blame::user : Blame::external,
               words_of(*response, http_.address())};
}

Result<std::string> RestClient::ask(std::string_view method, const std::string& target, const std::string& body) {
  return body_of(http_.send(method, target, body));
}

Result<std::string> RestClient::upload(const std::string& path,
                                       std::function<void(std::uint64_t, std::uint64_t)> progress) {
  std::string name = std::filesystem::path(path).filename().string();
  TRY(std::string body, body_of(http_.upload("/v1/jars/upload", "jarfile", path, name, std::move(progress))));
  return read_json(body, [](const json::object& answer) {
    std::string file = text_at(answer, "filename");
    return file.substr(file.rfind('/') + 1);
  });
}

Result<void> RestClient::delete_jar(const std::string& jar_id) {
  TRY(std::string ignored, ask("DELETE", "/v1/jars/" + http::percent_encode(jar_id), ""));
  return {};
}

Result<StartedJob> RestClient::run(const std::string& jar_id, const RunRequest& request) {
  for (const std::string& argument : request.arguments) {
    if (http::valid_utf8(argument) == argument) continue;
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("the argument {} is not UTF-8, as arguments of a job must be: give the file another "
                                   "name, or name its directory or a pattern",
                                   printable(argument, 200)));
  }
  TRY(std::string body, ask("POST", fmt::format("/v1/jars/{}/run", http::percent_encode(jar_id)), body_for(request)));
  return read_json(body, [](const json::object& answer) {
    StartedJob job{text_at(answer, "jobid"), {}};
    if (const json::value* warnings = answer.if_contains("warnings")) {
      for (const json::value& warning : warnings->as_array()) job.warnings.emplace_back(warning.as_string());
    }
    return job;
  });
}

Result<std::vector<JobLine>> RestClient::jobs() {
  TRY(std::string body, ask("GET", "/v1/jobs/overview", ""));
  return read_json(body, [](const json::object& answer) {
    std::vector<JobLine> jobs;
    for (const json::value& value : answer.at("jobs").as_array()) {
      const json::object& job = value.as_object();
      JobLine line;
      line.id = text_at(job, "jid");
      line.name = text_at(job, "name");
      line.state = text_at(job, "state");
      line.start_ms = job.at("start-time").to_number<std::int64_t>();
      jobs.push_back(std::move(line));
    }
    return jobs;
  });
}

Result<void> RestClient::cancel(const std::string& job_id) {
  TRY(std::string ignored, ask("PATCH", fmt::format("/v1/jobs/{}?mode=cancel", http::percent_encode(job_id)), ""));
  return {};
}

Result<std::string> RestClient::why_waiting(const std::string& job_id) {
  TRY(std::vector<JobLine> all, jobs());
  const auto waits = [&](const JobLine& job) { return job.id == job_id && job.state == "CREATED"; };
  if (std::none_of(all.begin(), all.end(), waits)) return std::string();
  TRY(std::string details, ask("GET", fmt::format("/v1/jobs/{}", http::percent_encode(job_id)), ""));
  TRY(const int needed, read_json(details, slots_needed));
  TRY(std::string body, ask("GET", "/v1/overview", ""));
  return read_json(body, [needed](const json::object& overview) {
    const int task_managers = overview.at("taskmanagers").to_number<int>();
    return fmt::format(
        "the job waits for slots: it needs {}, and {} of {} are free, on {} TaskManager{}; start more of them, or "
        "cancel and run it with a smaller -p",
        needed, overview.at("slots-available").to_number<int>(), overview.at("slots-total").to_number<int>(),
        task_managers, task_managers == 1 ? "" : "s");
  });
}

Result<std::optional<JobResult>> RestClient::result(const std::string& job_id) {
  TRY(std::string body, ask("GET", fmt::format("/v1/jobs/{}/execution-result", http::percent_encode(job_id)), ""));
  TRY(std::optional<JobResult> result, read_json(body, [](const json::object& answer) {
        std::optional<JobResult> ended;
        if (text_at(answer.at("status").as_object(), "id") == "COMPLETED") {
          ended = result_of(answer.at("job-execution-result").as_object());
        }
        return ended;
      }));
  if (!result || result->status != "SUCCEEDED") return result;
  TRY(std::string counters, ask("GET", fmt::format("/v1/jobs/{}/accumulators", http::percent_encode(job_id)), ""));
  TRY(result->accumulators, read_json(counters, [](const json::object& answer) {
        std::vector<std::pair<std::string, std::string>> accumulators;
        for (const json::value& one : answer.at("user-task-accumulators").as_array()) {
          accumulators.emplace_back(text_at(one.as_object(), "name"), text_at(one.as_object(), "value"));
        }
        return accumulators;
      }));
  return result;
}

}  // namespace weir::cli
