#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/http/target.h"
#include "jobmanager/rest/snapshot.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// Reads what a plan or a run of a jar is asked with. The body (JarRunRequestBody; empty counts as {}) wins over the
/// query; fields that are not known are ignored. Lives on: any thread (pure). Errors: invalid_argument for a body that
/// is no JSON object, a field of the wrong type, a parallelism below 1, a job id that is none, or a savepoint path,
/// which is refused rather than ignored.
Result<RunRequest> read_run_request(std::string_view jar_id, std::string_view body, const http::Query& query);

/// Splits a command line as Flink splits its `programArgs`: at spaces, with single or double quotes around what belongs
/// together.
std::vector<std::string> split_arguments(std::string_view line);

}  // namespace weir::jobmanager::rest
