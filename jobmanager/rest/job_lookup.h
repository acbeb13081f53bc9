// From a path to the job, vertex or task that it names. Called on REST threads.
#pragma once

#include <functional>
#include <string>

#include "common/http/message.h"
#include "jobmanager/rest/routes.h"
#include "jobmanager/rest/snapshot.h"

namespace weir::jobmanager::rest {

using JobView = std::function<http::Response(const JobDetails& job, Timestamp now)>;
using VertexView = std::function<http::Response(const VertexDetails& vertex, Timestamp now)>;
using SubtaskView = std::function<http::Response(const SubtaskDetails& subtask, Timestamp now)>;

http::Response not_found(std::string message);

/// Looks the job up and answers with what `view` makes of it. 404 for one that is not known, 400 for an id that is
/// none.
void with_job(const Call& call, http::Responder responder, JobView view);
void with_vertex(const Call& call, http::Responder responder, VertexView view);
void with_subtask(const Call& call, http::Responder responder, SubtaskView view);

}  // namespace weir::jobmanager::rest
