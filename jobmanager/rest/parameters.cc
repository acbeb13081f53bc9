#include "jobmanager/rest/parameters.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::jobmanager::rest {

namespace {

constexpr std::size_t kShownBytesMax = 300;

Error bad_parameter(std::string_view kind, std::string_view name, std::string_view value) {
  return Error::user(
      ErrorCode::invalid_argument,
      fmt::format("Bad request, could not parse parameters: Cannot resolve {} parameter ({}) from value \"{}\".", kind,
                  name, shown(value)));
}

std::optional<int> number_in(std::string_view text, int least) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) return std::nullopt;
  return number;
}

}  // namespace

Error bad_path_parameter(std::string_view name, std::string_view value) { return bad_parameter("path", name, value); }
Error bad_query_parameter(std::string_view name, std::string_view value) { return bad_parameter("query", name, value); }

std::string shown(std::string_view sent) {
  return sent.size() <= kShownBytesMax ? std::string(sent) : std::string(sent.substr(0, kShownBytesMax)) + "...";
}

Result<JobId> job_id_of(const Call& call) {
  Result<JobId> id = JobId::from_hex(call.parameter("jobid"));
  if (!id.ok()) return bad_path_parameter("jobid", call.parameter("jobid"));
  return id;
}

Result<VertexId> vertex_id_of(const Call& call) {
  Result<VertexId> id = VertexId::from_hex(call.parameter("vertexid"));
  if (!id.ok()) return bad_path_parameter("vertexid", call.parameter("vertexid"));
  return id;
}

Result<int> index_of(const Call& call, std::string_view name) {
  std::optional<int> number = number_in(call.parameter(name), 0);
  if (!number) return bad_path_parameter(name, call.parameter(name));
  return *number;
}

Result<std::optional<int>> count_of(const http::Query& query, std::string_view name) {
  std::optional<std::string_view> text = query.find(name);
  if (!text) return std::optional<int>();
  std::optional<int> number = number_in(*text, 1);
  if (!number) return bad_query_parameter(name, *text);
  return number;
}

}  // namespace weir::jobmanager::rest
