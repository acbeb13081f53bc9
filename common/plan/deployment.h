// Where the tasks of a job run, as both daemons see it. The messages of the same names are converted here.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::proto {
class Generation;
class JobWorker;
class TaskRange;
class TaskTable;
}  // namespace weir::proto

namespace weir::plan {

/// Which deployment of a job: a later leader's is newer, of one leader's the one with the higher number.
struct Generation {
  std::uint64_t epoch = 0;   ///< of the leader
  std::uint64_t number = 0;  ///< from 1
  friend auto operator<=>(const Generation&, const Generation&) = default;
};

/// A job's worker on some TaskManager: which one, of all that the job has had there.
struct JobWorker {
  JobId job;
  Generation generation;
  friend bool operator==(const JobWorker&, const JobWorker&) = default;
};

/// Where a TaskManager is reached by the peers of its tasks.
struct TaskManagerPlace {
  TaskManagerId id;
  std::string host;
  std::uint16_t data_port = 0;
  friend bool operator==(const TaskManagerPlace&, const TaskManagerPlace&) = default;
};

/// The current attempt of one task, and where it runs.
struct PlacedTask {
  ExecutionId execution;  ///< none: the task has no place now
  std::uint32_t attempt = 0;
  std::uint32_t place = 0;  ///< index in TaskTable::places
  std::uint32_t slot = 0;   ///< of that TaskManager
  friend bool operator==(const PlacedTask&, const PlacedTask&) = default;
};

/// Every task of a job.
struct TaskTable {
  std::vector<TaskManagerPlace> places;
  std::vector<std::vector<PlacedTask>> tasks;  ///< by vertex and subtask

  const PlacedTask& at(TaskIndex task) const { return tasks[task.vertex][task.subtask]; }
  bool contains(TaskIndex task) const { return task.vertex < tasks.size() && task.subtask < tasks[task.vertex].size(); }
};

/// Subtasks first..last-1 of one vertex.
struct TaskRange {
  std::uint32_t vertex = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const TaskRange&, const TaskRange&) = default;
};

/// Neighbours become one range. @param tasks  any order, each once @return  ascending
std::vector<TaskRange> ranges_of(std::vector<TaskIndex> tasks);
/// The tasks of some ranges. Errors: invalid_argument: a range that is empty, or outside the table; more tasks than the
/// table has.
Result<std::vector<TaskIndex>> tasks_of(std::span<const TaskRange> ranges, const TaskTable& table);

TaskRange decode_task_range(const proto::TaskRange& message);
void encode_task_table(const TaskTable& table, proto::TaskTable& message);
/// Errors: invalid_argument: lists of unequal length, a place that does not exist, more than kTasksMax tasks.
Result<TaskTable> decode_task_table(const proto::TaskTable& message);

void encode_generation(const Generation& generation, proto::Generation& message);
Generation decode_generation(const proto::Generation& message);
void encode_job_worker(const JobWorker& worker, proto::JobWorker& message);
/// Errors: corrupt: no job id.
Result<JobWorker> decode_job_worker(const proto::JobWorker& message);

}  // namespace weir::plan
