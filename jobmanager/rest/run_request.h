#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/http/target.h"
#include "jobmanager/model/jar_details.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// Reads what a plan or a run of a jar is asked with. The body (JarRunRequestBody; empty counts as {}) wins over the
/// query. What is not known, or has no effect, becomes a sentence in RunRequest::warnings.
/// Lives on: any thread (pure).
/// Errors: invalid_argument for a body that is no JSON object, a field of the wrong type, a field or parameter whose
/// name is a slip of a known one, a parallelism below 1, a job id that is none, or a savepoint path, which is refused
/// rather than ignored.
Result<RunRequest> read_run_request(std::string_view jar_id, std::string_view body, const http::Query& query);

/// Splits a command line as Flink splits its `programArgs`: at spaces, with single or double quotes around what belongs
/// together.
std::vector<std::string> split_arguments(std::string_view line);

}  // namespace weir::jobmanager::rest
