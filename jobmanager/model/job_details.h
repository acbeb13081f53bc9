// A job as everybody outside of it sees it: immutable values, shared between the control thread, the history of ended
// jobs and REST threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "jobmanager/model/failure.h"
#include "jobmanager/model/status.h"
#include "jobmanager/model/task_counters.h"
#include "jobmanager/model/task_manager.h"

namespace weir::jobmanager {

/// The current attempt at one task.
struct SubtaskDetails {
  std::uint32_t subtask = 0;
  std::uint32_t attempt = 0;
  TaskStatus status = TaskStatus::created;
  TaskTimes entered{};
  std::optional<TaskManagerPlace> place;  ///< none while the task has no slot
  TaskCounters counters;
  bool has_counted = false;  ///< counters have arrived at least once
  TaskRates rates;           ///< all 0 unless the task runs and has reported twice
};

struct VertexDetails {
  VertexId id;
  std::string name;                ///< "Source: lines -> Map -> Sink: out"
  std::string slot_sharing_group;  ///< its name: "default"
  int max_parallelism = 0;
  std::vector<SubtaskDetails> subtasks;  ///< in order; as many as the parallelism
};

/// What does not change while a job runs.
struct JobFacts {
  JobId id;
  std::string name;
  std::string plan_json;                                 ///< an object, from plan::plan_json
  std::string restart_strategy;                          ///< in words, for /jobs/:id/config
  int parallelism = 1;                                   ///< default of the job's operators
  bool is_batch = false;                                 ///< execution.runtime-mode, as it was resolved
  std::map<std::string, std::string> global_parameters;  ///< pipeline.global-job-parameters; secrets redacted
};

/// Everything about one job. Parts that did not change are shared with earlier values.
struct JobDetails {
  std::shared_ptr<const JobFacts> facts;  ///< never null
  JobStatus status = JobStatus::initializing;
  JobTimes entered{};
  std::vector<std::shared_ptr<const VertexDetails>> vertices;  ///< upstream before downstream; none is null
  std::shared_ptr<const FailureList> failures;                 ///< never null

  /// The moment of the submission.
  WallTime start() const { return time_of(entered, JobStatus::initializing).value_or(WallTime()); }
  /// None before the job has ended.
  std::optional<WallTime> end() const { return is_over(status) ? time_of(entered, status) : std::nullopt; }
};

/// A job in a list.
struct JobSummary {
  JobId id;
  std::string name;
  JobStatus status = JobStatus::initializing;
  WallTime start{};
  std::optional<WallTime> end;
  WallTime last_change{};
  StatusCounts tasks{};
};
JobSummary summary_of(const JobDetails& details);

/// All jobs, running and remembered, in order of submission.
using JobList = std::vector<JobSummary>;

}  // namespace weir::jobmanager
