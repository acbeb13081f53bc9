#include "jobmanager/rest/job_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/reply.h"

namespace weir::jobmanager::rest {

http::Response not_found(std::string message) { return http::error_response(404, {std::move(message)}); }

void with_job(const Call& call, http::Responder responder, JobView view) {
  Result<JobId> id = job_id_of(call);
  if (!id.ok()) return responder.answer(error_response_of(id.error()));
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  call.services.jobs.details(
      *id, [shared, id = *id, view = std::move(view), now = call.services.now](Result<Shared<JobDetails>> job) {
        if (!job.ok()) {
          const bool is_unknown = job.error().code == ErrorCode::not_found;
          return shared->answer(is_unknown ? not_found(fmt::format("Job {} not found", id))
                                           : error_response_of(job.error()));
        }
        http::Response response;
        response.body = http::RenderedBody{[view, now, job = *job] { return view(*job, now()); }};
        shared->answer(std::move(response));
      });
}

void with_vertex(const Call& call, http::Responder responder, VertexView view) {
  Result<VertexId> id = vertex_id_of(call);
  if (!id.ok()) return responder.answer(error_response_of(id.error()));
  with_job(call, std::move(responder), [id = *id, view = std::move(view)](const JobDetails& job, WallTime now) {
    auto found = std::find_if(job.vertices.begin(), job.vertices.end(), [&](const auto& one) { return one->id == id; });
    return found != job.vertices.end() ? view(**found, now) : not_found(fmt::format("JobVertex {} not found", id));
  });
}

void with_subtask(const Call& call, http::Responder responder, SubtaskView view) {
  Result<int> index = index_of(call, "subtaskindex");
  if (!index.ok()) return responder.answer(error_response_of(index.error()));
  with_vertex(call, std::move(responder),
              [index = *index, view = std::move(view)](const VertexDetails& vertex, WallTime now) {
    std::size_t at = static_cast<std::size_t>(index);
    if (at < vertex.subtasks.size()) return view(vertex.subtasks[at], now);
    return not_found(fmt::format("Invalid subtask index for vertex {}: {}, it has {} tasks", vertex.id, index,
                                 vertex.subtasks.size()));
  });
}

}  // namespace weir::jobmanager::rest
