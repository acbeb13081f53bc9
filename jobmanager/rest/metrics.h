// Metrics as Flink's clients ask for them: names with values, and the same over several owners. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/target.h"
#include "jobmanager/model/cluster_overview.h"
#include "jobmanager/model/job_details.h"
#include "jobmanager/model/task_manager.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// A name and its value, as text: "4868", "1000.0", "true".
struct Metric {
  std::string id;
  std::string value;
};
using Metrics = std::vector<Metric>;

/// Of one task: "numRecordsIn", "busyTimeMsPerSecond", ..., and the counters of its operators as "<operator>.<name>".
Metrics metrics_of(const SubtaskDetails& subtask);
/// Of all tasks of a vertex: the same with "<subtask>." in front.
Metrics metrics_of(const VertexDetails& vertex);
/// Of a job: how long it has been in which state, how often it was started again.
Metrics metrics_of(const JobDetails& job, WallTime now);
Metrics metrics_of(const TaskManagerDetails& task_manager);

/// What this process uses, as the JobManager's own metrics show it.
struct ProcessUse {
  std::uint64_t resident_bytes = 0;
  std::uint64_t cpu_ns = 0;
  int threads = 0;
  int open_files = 0;
};
Metrics metrics_of(const ClusterOverview& overview, const ProcessUse& process);

/// What a request wants of metrics.
struct MetricSelection {
  std::optional<std::vector<std::string>> names;  ///< nothing: names only, no values
  std::vector<std::string> aggregations;          ///< of min, max, avg, sum, skew; each at most once
};
/// Errors: invalid_argument in the words of a bad query parameter.
Result<MetricSelection> selection_of(const http::Query& query);

/// [{"id":"numRecordsIn","value":"12"}, ...]: those that were asked for and exist, or all names without a value.
std::string metrics_view(const Metrics& metrics, const MetricSelection& selection);
/// [{"id":"numRecordsIn","min":1.0,...}, ...] over the owners that have the metric; text that is no number counts for
/// nothing.
std::string aggregated_view(const std::vector<Metrics>& owners, const MetricSelection& selection);

}  // namespace weir::jobmanager::rest
