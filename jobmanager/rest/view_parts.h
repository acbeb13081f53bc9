// Pieces that several views share. Included by views alone.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "common/http/json.h"
#include "jobmanager/rest/summary.h"

namespace weir::jobmanager::rest {

namespace json = boost::json;

/// Text of users and logs, made valid UTF-8.
inline json::string text(const std::string& from) { return json::string(http::valid_utf8(from)); }
inline json::value text_or_null(const std::string& from) {
  return from.empty() ? json::value(nullptr) : json::value(text(from));
}

/// {"CREATED":0,...}
json::object status_counts(const StatusCounts& counts);
/// "start-time", "end-time", "duration"
void add_span(json::object& object, const Span& span);
/// {"read-bytes":0,"read-bytes-complete":true,...}
json::object io_metrics(const TaskCounters& counters, bool is_complete);
json::object spread_view(const Spread& spread);
/// The counters of user functions and connectors, as Flink writes accumulators.
json::array accumulators(const std::map<std::string, std::uint64_t>& counters);
/// {"metrics":{...},"status-duration":{...}} over tasks
json::object aggregated(const Subtasks& subtasks, WallTime now);

}  // namespace weir::jobmanager::rest
