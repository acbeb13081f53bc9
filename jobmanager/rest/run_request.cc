#include "jobmanager/rest/run_request.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <optional>

#include "common/base/try.h"
#include "jobmanager/rest/parameters.h"

namespace weir::jobmanager::rest {

namespace {

namespace json = boost::json;

Error mismatch(std::string_view why) {
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("Request did not match expected format JarRunRequestBody: {}.", why));
}

Result<json::object> parse_object(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error) return mismatch(fmt::format("the body is not JSON ({})", error.message()));
  if (!value.is_object()) return mismatch("the body is not a JSON object");
  return std::move(value.get_object());
}

/// A field that is given and not null.
const json::value* field(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(json::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}

/// A text from the body, else from the query; empty when neither has it.
Result<std::string> text_of(const json::object& body, std::string_view name, const http::Query& query,
                            std::string_view query_name) {
  if (const json::value* value = field(body, name)) {
    if (!value->is_string()) return mismatch(fmt::format("\"{}\" is not a text", name));
    return std::string(value->get_string());
  }
  return std::string(query.find(query_name).value_or(""));
}

Result<int> parallelism_of(const json::object& body, const http::Query& query) {
  if (const json::value* value = field(body, "parallelism")) {
    const std::int64_t* number = value->if_int64();
    if (number == nullptr || *number < 1 || *number > std::numeric_limits<int>::max()) {
      return mismatch("\"parallelism\" is not a whole number of at least 1");
    }
    return static_cast<int>(*number);
  }
  TRY(std::optional<int> given, count_of(query, "parallelism"));
  return given.value_or(0);
}

Result<std::vector<std::string>> arguments_of(const json::object& body, const http::Query& query) {
  if (const json::value* list = field(body, "programArgsList")) {
    if (!list->is_array()) return mismatch("\"programArgsList\" is not a list of texts");
    std::vector<std::string> arguments;
    for (const json::value& one : list->get_array()) {
      if (!one.is_string()) return mismatch("\"programArgsList\" is not a list of texts");
      arguments.emplace_back(one.get_string());
    }
    return arguments;
  }
  TRY(std::string line, text_of(body, "programArgs", query, "program-args"));
  if (!line.empty()) return split_arguments(line);
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

Result<std::map<std::string, std::string>> configuration_of(const json::object& body) {
  std::map<std::string, std::string> configuration;
  const json::value* value = field(body, "flinkConfiguration");
  if (value == nullptr) return configuration;
  if (!value->is_object()) return mismatch("\"flinkConfiguration\" is not an object of texts");
  for (const auto& [key, setting] : value->get_object()) {
    if (!setting.is_string())
      return mismatch(fmt::format("\"flinkConfiguration\" has no text at \"{}\"", std::string(key)));
    configuration[std::string(key)] = std::string(setting.get_string());
  }
  return configuration;
}

}  // namespace

Result<RunRequest> read_run_request(std::string_view jar_id, std::string_view body_text, const http::Query& query) {
  TRY(json::object body, parse_object(body_text));
  RunRequest request;
  request.jar_id = jar_id;
  TRY(request.entry, text_of(body, "entryClass", query, "entry-class"));
  TRY(request.arguments, arguments_of(body, query));
  TRY(request.parallelism, parallelism_of(body, query));
  TRY(request.configuration, configuration_of(body));
  TRY(std::string job_id, text_of(body, "jobId", query, "jobId"));
  if (!job_id.empty()) {
    Result<JobId> id = JobId::from_hex(job_id);
    if (!id.ok()) return mismatch("\"jobId\" is not 32 hexadecimal digits");
    request.job_id = *id;
  }
  TRY(std::string savepoint, text_of(body, "savepointPath", query, "savepointPath"));
  if (!savepoint.empty()) {
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("This version cannot start a job from a savepoint ({}); start it without savepointPath.",
                    savepoint));
  }
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
