// Answers about the cluster and its TaskManagers. Called on REST threads.
#pragma once

#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

void get_config(Call call, http::Responder responder);
void get_overview(Call call, http::Responder responder);
void delete_cluster(Call call, http::Responder responder);
void get_datasets(Call call, http::Responder responder);
void get_task_managers(Call call, http::Responder responder);
void get_task_manager(Call call, http::Responder responder);
void get_job_manager_config(Call call, http::Responder responder);
void get_job_manager_environment(Call call, http::Responder responder);

}  // namespace weir::jobmanager::rest
