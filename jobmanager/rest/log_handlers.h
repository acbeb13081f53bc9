// Log files of the daemons, as text. Called on REST threads.
#pragma once

#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

void get_task_manager_log(Call call, http::Responder responder);
void get_task_manager_stdout(Call call, http::Responder responder);
void get_task_manager_logs(Call call, http::Responder responder);
void get_task_manager_log_file(Call call, http::Responder responder);

void get_job_manager_log(Call call, http::Responder responder);
void get_job_manager_stdout(Call call, http::Responder responder);
void get_job_manager_logs(Call call, http::Responder responder);
void get_job_manager_log_file(Call call, http::Responder responder);

}  // namespace weir::jobmanager::rest
