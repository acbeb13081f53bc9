#include "jobmanager/rest/run_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "common/base/try.h"
#include "jobmanager/rest/json_body.h"
#include "jobmanager/rest/parameters.h"

namespace weir::jobmanager::rest {

namespace {

constexpr std::string_view kFields[] = {"entryClass", "programArgs",   "programArgsList",    "parallelism",
                                        "jobId",      "savepointPath", "flinkConfiguration", "allowNonRestoredState",
                                        "claimMode",  "restoreMode"};
constexpr std::string_view kParameters[] = {"entry-class", "program-args",  "programArg",           "parallelism",
                                            "jobId",       "savepointPath", "allowNonRestoredState"};
constexpr std::size_t kNameBytesShown = 80;

/// A text from the body, else from the query; empty when neither has it.
Result<std::string> text_of(const JsonBody& body, std::string_view name, const http::Query& query,
                            std::string_view query_name) {
  TRY(auto given, body.text(name));
  if (given) return std::move(*given);
  return std::string(query.find(query_name).value_or(""));
}

Result<int> parallelism_of(const JsonBody& body, const http::Query& query) {
  TRY(const auto number, body.number("parallelism", 1, std::numeric_limits<int>::max()));
  if (number) return static_cast<int>(*number);
  TRY(std::optional<int> given, count_of(query, "parallelism"));
  return given.value_or(0);
}

/// "programArg=a,b&programArg=c".
std::vector<std::string> listed_arguments(const http::Query& query) {
  std::vector<std::string> arguments;
  for (std::string_view list : query.all("programArg")) {
    while (true) {
      std::size_t comma = list.find(',');
      arguments.emplace_back(list.substr(0, comma));
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return arguments;
}

Result<std::vector<std::string>> arguments_of(const JsonBody& body, const http::Query& query,
                                              std::vector<std::string>& warnings) {
  TRY(auto list, body.texts("programArgsList"));
  TRY(const std::string line, text_of(body, "programArgs", query, "program-args"));
  if (list) {
    if (!line.empty()) warnings.push_back("programArgs has no effect beside programArgsList");
    return std::move(*list);
  }
  if (!line.empty()) return split_arguments(line);
  return listed_arguments(query);
}

/// Restoring belongs to a later version. A savepoint is refused rather than ignored; what only qualifies one is said to
/// have no effect.
Result<void> check_restoring(const JsonBody& body, const http::Query& query, std::vector<std::string>& warnings) {
  TRY(const std::string savepoint, text_of(body, "savepointPath", query, "savepointPath"));
  if (!savepoint.empty()) {
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("This version cannot start a job from a savepoint ({}); start it without savepointPath.",
                    savepoint));
  }
  TRY(const auto allow, body.flag("allowNonRestoredState"));
  if (allow.value_or(query.find("allowNonRestoredState").value_or("") == "true"))
    warnings.push_back("allowNonRestoredState has no effect without savepointPath");
  for (const std::string_view name : {"claimMode", "restoreMode"}) {
    TRY(const auto mode, body.text(name));
    if (mode && !mode->empty()) warnings.push_back(fmt::format("{} has no effect without savepointPath", name));
  }
  return {};
}

Result<void> check_parameters(const http::Query& query, std::vector<std::string>& warnings) {
  for (const auto& [name, value] : query.pairs()) {
    if (std::find(std::begin(kParameters), std::end(kParameters), name) != std::end(kParameters)) continue;
    const std::string shown = printable(name, kNameBytesShown);
    if (const std::string_view meant = meant_name(name, kParameters); !meant.empty()) {
      return Error::user(
          ErrorCode::invalid_argument,
          fmt::format("Bad request: there is no query parameter \"{}\"; did you mean \"{}\"?", shown, meant));
    }
    warnings.push_back(fmt::format("the query parameter \"{}\" is not known and has no effect", shown));
  }
  return {};
}

}  // namespace

Result<RunRequest> read_run_request(std::string_view jar_id, std::string_view body_text, const http::Query& query) {
  TRY(const JsonBody body, JsonBody::parse("JarRunRequestBody", body_text));
  RunRequest request;
  request.jar_id = jar_id;
  TRY(request.warnings, body.unknown_fields(kFields));
  TRY_VOID(check_parameters(query, request.warnings));
  TRY(request.entry, text_of(body, "entryClass", query, "entry-class"));
  TRY(request.arguments, arguments_of(body, query, request.warnings));
  TRY(request.parallelism, parallelism_of(body, query));
  TRY(auto configuration, body.settings("flinkConfiguration"));
  if (configuration) request.configuration = std::move(*configuration);
  TRY(const std::string job_id, text_of(body, "jobId", query, "jobId"));
  if (!job_id.empty()) {
    Result<JobId> id = JobId::from_hex(job_id);
    if (!id.ok()) return body.mismatch("\"jobId\" is not 32 hexadecimal digits");
    request.job_id = *id;
  }
  TRY_VOID(check_restoring(body, query, request.warnings));
  return request;
}

std::vector<std::string> split_arguments(std::string_view line) {
  std::vector<std::string> arguments;
  std::string current;
  bool begun = false;
  char quote = '\0';
  for (char letter : line) {
    if (quote != '\0') {
      if (letter == quote) {
        quote = '\0';
      } else {
        current.push_back(letter);
      }
    } else if (letter == '"' || letter == '\'') {
      quote = letter;
      begun = true;
    } else if (letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r') {
      if (begun) arguments.push_back(std::exchange(current, {}));
      begun = false;
    } else {
      current.push_back(letter);
      begun = true;
    }
  }
  if (begun) arguments.push_back(std::move(current));
  return arguments;
}

}  // namespace weir::jobmanager::rest
