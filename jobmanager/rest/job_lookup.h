// From a path to the job, vertex or task that it names. Called on REST threads.
#pragma once

#include <functional>
#include <string>

#include "common/http/message.h"
#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

using JobView = std::function<http::Response(const JobDetails& job, WallTime now)>;
using VertexView = std::function<http::Response(const VertexDetails& vertex, WallTime now)>;
using SubtaskView = std::function<http::Response(const SubtaskDetails& subtask, WallTime now)>;

http::Response not_found(std::string message);

/// Looks the job up and replies with what `view` makes of it on the REST thread. 404 for one that is not known, 400 for
/// an id that is none.
void with_job(const Call& call, http::Responder responder, JobView view);
void with_vertex(const Call& call, http::Responder responder, VertexView view);
void with_subtask(const Call& call, http::Responder responder, SubtaskView view);

}  // namespace weir::jobmanager::rest
