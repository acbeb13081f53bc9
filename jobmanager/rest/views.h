// Domain values as the JSON that Flink's clients read: names, nesting and order of fields, and nothing else. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "jobmanager/rest/services.h"

namespace weir::jobmanager::rest {

/// The release whose API this is.
inline constexpr std::string_view kFlinkVersion = "1.20.5";

/// The zone in which this machine writes its logs.
struct TimeZone {
  std::string name = "Coordinated Universal Time";
  std::int64_t offset_ms = 0;  ///< east of Greenwich
};

std::string config_view(const RestSettings& settings, const TimeZone& zone);
std::string overview_view(const ClusterOverview& overview, const RestSettings& settings);

std::string jobs_view(const JobList& jobs);
std::string jobs_overview_view(const JobList& jobs, WallTime now);
std::string job_view(const JobDetails& job, WallTime now);
/// @param warnings  sentences; shown as "warnings" beside Flink's fields when there are any
std::string job_plan_view(const std::string& plan_json, const std::vector<std::string>& warnings);
std::string job_config_view(const JobDetails& job);
/// @param entries_max  newest entries to show; the rest makes it "truncated"
std::string job_exceptions_view(const JobDetails& job, std::size_t entries_max);
std::string job_status_view(const JobDetails& job);
std::string job_result_view(const JobDetails& job);
std::string job_accumulators_view(const JobDetails& job);
/// Warnings as in job_plan_view.
std::string job_started_view(const StartedJob& job);

std::string vertex_view(const VertexDetails& vertex, WallTime now);
std::string vertex_accumulators_view(const VertexDetails& vertex);
std::string vertex_times_view(const VertexDetails& vertex, WallTime now);
std::string vertex_task_managers_view(const VertexDetails& vertex, WallTime now);
std::string subtask_view(const SubtaskDetails& subtask, WallTime now);

std::string task_managers_view(const std::vector<TaskManagerDetails>& task_managers);
std::string task_manager_view(const TaskManagerDetails& task_manager);

std::string configuration_view(const std::vector<std::pair<std::string, std::string>>& entries);
std::string environment_view(const RestSettings& settings);
std::string logs_view(const std::vector<LogFile>& files);

/// @param address  "http://host:port" of this server, as the client reaches it
std::string jars_view(const std::vector<JarDetails>& jars, const std::string& address);
/// @param path  ends in the jar id
std::string uploaded_view(const std::string& path);

}  // namespace weir::jobmanager::rest
