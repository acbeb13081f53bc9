#include "jobmanager/rest/job_handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "jobmanager/rest/job_lookup.h"
#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/reply.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

constexpr int kExceptionsShown = 20;

/// A view of the job that needs no clock.
void show_job(const Call& call, http::Responder responder, std::string (*view)(const JobDetails&)) {
  with_job(call, std::move(responder),
           [view](const JobDetails& job, WallTime) { return json_response(200, view(job)); });
}

void show_vertex(const Call& call, http::Responder responder, std::string (*view)(const VertexDetails&, WallTime)) {
  with_vertex(call, std::move(responder),
              [view](const VertexDetails& vertex, WallTime now) { return json_response(200, view(vertex, now)); });
}

}  // namespace

void get_jobs(Call call, http::Responder responder) {
  call.services.jobs.jobs(render_json<JobList>(std::move(responder), jobs_view));
}

void get_jobs_overview(Call call, http::Responder responder) {
  call.services.jobs.jobs(render_json<JobList>(std::move(responder), [now = call.services.now](const JobList& jobs) {
    return jobs_overview_view(jobs, now());
  }));
}

void get_job(Call call, http::Responder responder) {
  with_job(call, std::move(responder),
           [](const JobDetails& job, WallTime now) { return json_response(200, job_view(job, now)); });
}

void patch_job(Call call, http::Responder responder) {
  std::string mode(call.target.query.find("mode").value_or("cancel"));
  std::transform(mode.begin(), mode.end(), mode.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  if (mode == "stop") {
    return responder.answer(http::error_response(
        308, {"The termination mode \"stop\" is not supported any more: use POST /jobs/:jobid/stop, or mode=cancel."}));
  }
  if (mode != "cancel") return responder.answer(error_response_of(bad_query_parameter("mode", mode)));
  cancel_job(std::move(call), std::move(responder));
}

void cancel_job(Call call, http::Responder responder) {
  Result<JobId> id = job_id_of(call);
  if (!id.ok()) return responder.answer(error_response_of(id.error()));
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  call.services.jobs.cancel(*id, [shared, id = *id](Result<void> outcome) {
    if (outcome.ok()) return shared->answer(json_response(202, "{}"));
    if (outcome.error().code != ErrorCode::not_found) return shared->answer(error_response_of(outcome.error()));
    shared->answer(not_found(fmt::format("Job could not be found: {}.", id)));
  });
}

void get_job_plan(Call call, http::Responder responder) {
  with_job(call, std::move(responder),
           [](const JobDetails& job, WallTime) { return json_response(200, job_plan_view(job.facts->plan_json, {})); });
}

void get_job_config(Call call, http::Responder responder) { show_job(call, std::move(responder), job_config_view); }

void get_job_exceptions(Call call, http::Responder responder) {
  Result<std::optional<int>> shown = count_of(call.target.query, "maxExceptions");
  if (!shown.ok()) return responder.answer(error_response_of(shown.error()));
  std::size_t entries_max = static_cast<std::size_t>(shown->value_or(kExceptionsShown));
  with_job(call, std::move(responder), [entries_max](const JobDetails& job, WallTime) {
    return json_response(200, job_exceptions_view(job, entries_max));
  });
}

void get_job_status(Call call, http::Responder responder) { show_job(call, std::move(responder), job_status_view); }
void get_job_result(Call call, http::Responder responder) { show_job(call, std::move(responder), job_result_view); }
void get_job_accumulators(Call call, http::Responder responder) {
  show_job(call, std::move(responder), job_accumulators_view);
}

void get_vertex(Call call, http::Responder responder) { show_vertex(call, std::move(responder), vertex_view); }

void get_vertex_accumulators(Call call, http::Responder responder) {
  with_vertex(call, std::move(responder), [](const VertexDetails& vertex, WallTime) {
    return json_response(200, vertex_accumulators_view(vertex));
  });
}

void get_vertex_times(Call call, http::Responder responder) {
  show_vertex(call, std::move(responder), vertex_times_view);
}

void get_vertex_task_managers(Call call, http::Responder responder) {
  show_vertex(call, std::move(responder), vertex_task_managers_view);
}

void get_subtask(Call call, http::Responder responder) {
  with_subtask(call, std::move(responder), [](const SubtaskDetails& subtask, WallTime now) {
    return json_response(200, subtask_view(subtask, now));
  });
}

void get_attempt(Call call, http::Responder responder) {
  Result<int> attempt = index_of(call, "attempt");
  if (!attempt.ok()) return responder.answer(error_response_of(attempt.error()));
  with_subtask(call, std::move(responder), [attempt = *attempt](const SubtaskDetails& subtask, WallTime now) {
    if (subtask.attempt == static_cast<std::uint32_t>(attempt)) return json_response(200, subtask_view(subtask, now));
    return not_found(fmt::format("Could not find attempt {} of subtask {}", attempt, subtask.subtask));
  });
}

}  // namespace weir::jobmanager::rest
