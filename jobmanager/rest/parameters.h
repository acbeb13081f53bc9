// What a request says, checked: parts of the path and the query. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "jobmanager/rest/routes.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// "Bad request, could not parse parameters: Cannot resolve path parameter (jobid) from value "x"."
Error bad_path_parameter(std::string_view name, std::string_view value);
Error bad_query_parameter(std::string_view name, std::string_view value);

/// What a client sent, cut to a length at which a sentence can quote it.
std::string shown(std::string_view sent);

/// Errors (all): invalid_argument with the words above.
Result<JobId> job_id_of(const Call& call);
Result<VertexId> vertex_id_of(const Call& call);
/// A path parameter that is a number, at least 0.
Result<int> index_of(const Call& call, std::string_view name);
/// A query parameter that is a number, at least 1; nothing when it is not given.
Result<std::optional<int>> count_of(const http::Query& query, std::string_view name);

}  // namespace weir::jobmanager::rest
