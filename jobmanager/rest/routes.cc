#include "jobmanager/rest/routes.h"

#include "jobmanager/rest/cluster_handlers.h"
#include "jobmanager/rest/jar_handlers.h"
#include "jobmanager/rest/job_handlers.h"
#include "jobmanager/rest/log_handlers.h"
#include "jobmanager/rest/metrics_handlers.h"

namespace weir::jobmanager::rest {

namespace {

constexpr Route kRoutes[] = {
    {"GET", "/config", get_config},
    {"GET", "/overview", get_overview},
    {"DELETE", "/cluster", delete_cluster},
    {"GET", "/datasets", get_datasets},

    {"GET", "/jobs", get_jobs},
    {"GET", "/jobs/overview", get_jobs_overview},
    {"GET", "/jobs/metrics", get_all_job_metrics},
    {"GET", "/jobs/:jobid/metrics", get_job_metrics},
    {"GET", "/jobs/:jobid/vertices/:vertexid/metrics", get_vertex_metrics},
    {"GET", "/jobs/:jobid/vertices/:vertexid/jm-operator-metrics", get_vertex_job_manager_metrics},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/metrics", get_vertex_subtask_metrics},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/metrics", get_subtask_metrics},
    {"GET", "/jobs/:jobid", get_job},
    {"PATCH", "/jobs/:jobid", patch_job},
    {"GET", "/jobs/:jobid/yarn-cancel", cancel_job},
    {"GET", "/jobs/:jobid/plan", get_job_plan},
    {"GET", "/jobs/:jobid/config", get_job_config},
    {"GET", "/jobs/:jobid/exceptions", get_job_exceptions},
    {"GET", "/jobs/:jobid/status", get_job_status},
    {"GET", "/jobs/:jobid/execution-result", get_job_result},
    {"GET", "/jobs/:jobid/accumulators", get_job_accumulators},
    {"GET", "/jobs/:jobid/vertices/:vertexid", get_vertex},
    {"GET", "/jobs/:jobid/vertices/:vertexid/accumulators", get_vertex_accumulators},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasktimes", get_vertex_times},
    {"GET", "/jobs/:jobid/vertices/:vertexid/taskmanagers", get_vertex_task_managers},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", get_subtask},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt", get_attempt},

    {"GET", "/taskmanagers", get_task_managers},
    {"GET", "/taskmanagers/metrics", get_all_task_manager_metrics},
    {"GET", "/taskmanagers/:taskmanagerid/metrics", get_task_manager_metrics},
    {"GET", "/taskmanagers/:taskmanagerid", get_task_manager},
    {"GET", "/taskmanagers/:taskmanagerid/log", get_task_manager_log},
    {"GET", "/taskmanagers/:taskmanagerid/stdout", get_task_manager_stdout},
    {"GET", "/taskmanagers/:taskmanagerid/logs", get_task_manager_logs},
    {"GET", "/taskmanagers/:taskmanagerid/logs/:filename", get_task_manager_log_file},

    {"GET", "/jobmanager/metrics", get_job_manager_metrics},
    {"GET", "/jobmanager/config", get_job_manager_config},
    {"GET", "/jobmanager/environment", get_job_manager_environment},
    {"GET", "/jobmanager/log", get_job_manager_log},
    {"GET", "/jobmanager/stdout", get_job_manager_stdout},
    {"GET", "/jobmanager/logs", get_job_manager_logs},
    {"GET", "/jobmanager/logs/:filename", get_job_manager_log_file},

    {"GET", "/jars", get_jars},
    {"POST", "/jars/upload", upload_jar, http::BodyRule::Kind::form},
    {"DELETE", "/jars/:jarid", delete_jar},
    {"GET", "/jars/:jarid/plan", plan_jar},
    {"POST", "/jars/:jarid/plan", plan_jar},
    {"POST", "/jars/:jarid/run", run_jar},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace weir::jobmanager::rest
