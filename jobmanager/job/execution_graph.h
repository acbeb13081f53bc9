// The tasks of one job: where each runs and how it fares.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "common/plan/deployment.h"
#include "common/plan/job_graph.h"
#include "jobmanager/cluster/slot.h"
#include "jobmanager/model/failure.h"
#include "jobmanager/model/status.h"
#include "jobmanager/model/task_counters.h"

namespace weir::jobmanager {

using plan::TaskIndex;

/// One try at a task.
struct Attempt {
  ExecutionId execution;
  std::uint32_t number = 0;
  TaskStatus status = TaskStatus::created;
  TaskTimes entered{};
  std::uint32_t slot = 0;
  std::optional<plan::TaskManagerPlace> place;  ///< from its placement on
  TaskCounters counters;
  std::optional<WallTime> counted_at;  ///< when `counters` came; nothing until the first report
  TaskCounters earlier_counters;       ///< the report before that one
  std::optional<WallTime> earlier_counted_at;
  std::optional<Failure> failure;
};

/// One parallel instance of a vertex.
struct Task {
  Attempt current;
  std::deque<Attempt> history;  ///< attempts before it, oldest first
};

/// The book of a job's tasks. Knows which steps a task may take; decides nothing.
/// Lives on: the control thread (pure). Owned by the job.
class ExecutionGraph {
 public:
  /// Attempts that a task remembers besides the current one, as Flink does
  /// (jobmanager.execution.attempts-history-size).
  static constexpr std::size_t kHistoryMax = 16;

  ExecutionGraph(std::shared_ptr<const plan::JobGraph> graph, WallTime now);

  const plan::JobGraph& job_graph() const { return *graph_; }
  /// The current attempt.
  const Attempt& attempt(TaskIndex task) const { return tasks_[task.vertex][task.subtask].current; }
  const std::deque<Attempt>& history(TaskIndex task) const { return tasks_[task.vertex][task.subtask].history; }
  std::size_t size() const { return size_; }
  /// Every task, upstream vertices first, subtasks in order.
  std::vector<TaskIndex> all() const;
  std::vector<TaskIndex> on(const TaskManagerId& task_manager) const;
  /// Nothing when no task's current attempt is this execution.
  std::optional<TaskIndex> find(const ExecutionId& execution) const;
  /// "Source: lines (2/4) - execution #0".
  std::string task_name(TaskIndex task) const;
  LocatedFailure locate(TaskIndex task, Failure failure) const;

  /// These tasks begin new attempts, with the next number and an execution of their own; the ones before become
  /// history. A task that is CREATED has nothing to begin anew and stays. ENSUREs that each other one is over.
  void reset(std::span<const TaskIndex> tasks, WallTime now);

  /// Takes a step. @return false, and nothing changes, when the task may not go there (see may_follow).
  bool enter(TaskIndex task, TaskStatus status, WallTime now);
  /// The same for every task that may; @return those that did.
  std::vector<TaskIndex> enter_all(TaskStatus status, WallTime now);
  void set_failure(TaskIndex task, Failure failure);
  /// Counters only grow: an older report is ignored.
  void set_counters(TaskIndex task, TaskCounters counters, WallTime now);
  void set_place(TaskIndex task, plan::TaskManagerPlace place, std::uint32_t slot);
  /// Where all current attempts run, for their peers.
  plan::TaskTable table() const;

  StatusCounts counts() const { return totals_; }
  StatusCounts counts(std::uint32_t vertex) const { return counts_[vertex]; }
  std::size_t count(TaskStatus status) const { return totals_[static_cast<std::size_t>(status)]; }
  bool all_finished() const { return count(TaskStatus::finished) == size(); }
  bool all_over() const;
  /// Grows with every change of a task's status.
  std::uint64_t status_changes() const { return status_changes_; }
  /// Grows with every change of a task of the vertex.
  std::uint64_t version(std::uint32_t vertex) const { return versions_[vertex]; }

 private:
  /// The current attempt, to change it.
  Attempt& change(TaskIndex task);
  void count_in(TaskIndex task, TaskStatus status);
  void count_out(TaskIndex task, TaskStatus status);

  const std::shared_ptr<const plan::JobGraph> graph_;
  std::vector<std::vector<Task>> tasks_;  ///< by vertex and subtask
  std::size_t size_ = 0;
  std::unordered_map<ExecutionId, TaskIndex> by_execution_;
  std::vector<StatusCounts> counts_;  ///< by vertex
  StatusCounts totals_{};
  std::vector<std::uint64_t> versions_;  ///< by vertex
  std::uint64_t status_changes_ = 0;
};

}  // namespace weir::jobmanager
