// Answers about metrics, of one owner or over several. Called on REST threads.
#pragma once

#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

void get_job_manager_metrics(Call call, http::Responder responder);
void get_task_manager_metrics(Call call, http::Responder responder);
void get_all_task_manager_metrics(Call call, http::Responder responder);
void get_job_metrics(Call call, http::Responder responder);
void get_all_job_metrics(Call call, http::Responder responder);
void get_vertex_metrics(Call call, http::Responder responder);
void get_vertex_job_manager_metrics(Call call, http::Responder responder);
void get_vertex_subtask_metrics(Call call, http::Responder responder);
void get_subtask_metrics(Call call, http::Responder responder);

}  // namespace weir::jobmanager::rest
