// Answers about jobs, their vertices and tasks. Called on REST threads.
#pragma once

#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

void get_jobs(Call call, http::Responder responder);
void get_jobs_overview(Call call, http::Responder responder);
void get_job(Call call, http::Responder responder);
/// ?mode=cancel, the default, begins to cancel; stop is answered with 308, as Flink does since stopping needs a
/// savepoint.
void patch_job(Call call, http::Responder responder);
void cancel_job(Call call, http::Responder responder);
void get_job_plan(Call call, http::Responder responder);
void get_job_config(Call call, http::Responder responder);
/// ?maxExceptions=n, 20 when not given.
void get_job_exceptions(Call call, http::Responder responder);
void get_job_status(Call call, http::Responder responder);
void get_job_result(Call call, http::Responder responder);
void get_job_accumulators(Call call, http::Responder responder);
void get_vertex(Call call, http::Responder responder);
void get_vertex_accumulators(Call call, http::Responder responder);
void get_vertex_times(Call call, http::Responder responder);
void get_vertex_task_managers(Call call, http::Responder responder);
void get_subtask(Call call, http::Responder responder);
void get_attempt(Call call, http::Responder responder);

}  // namespace weir::jobmanager::rest
