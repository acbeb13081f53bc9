#include "jobmanager/job/execution_graph.h"

#include <fmt/format.h>

#include <utility>

namespace weir::jobmanager {

ExecutionGraph::ExecutionGraph(const plan::JobGraph& graph, WallTime now) : graph_(graph) {
  versions_.assign(graph.vertices.size(), 0);
  for (std::uint32_t v = 0; v < graph.vertices.size(); ++v) {
    const auto parallelism = static_cast<std::uint32_t>(graph.vertices[v].parallelism);
    auto& tasks = tasks_.emplace_back(parallelism);
    for (std::uint32_t s = 0; s < parallelism; ++s) {
      tasks[s].execution = ExecutionId::random();
      tasks[s].entered[static_cast<std::size_t>(TaskStatus::created)] = now;
      by_execution_.emplace(tasks[s].execution, TaskIndex{v, s});
    }
    counts_.emplace_back()[static_cast<std::size_t>(TaskStatus::created)] = parallelism;
    totals_[static_cast<std::size_t>(TaskStatus::created)] += parallelism;
  }
}

std::vector<TaskIndex> ExecutionGraph::all() const {
  std::vector<TaskIndex> tasks;
  for (std::uint32_t v = 0; v < tasks_.size(); ++v) {
    for (std::uint32_t s = 0; s < tasks_[v].size(); ++s) tasks.push_back({v, s});
  }
  return tasks;
}

std::vector<TaskIndex> ExecutionGraph::on(const TaskManagerId& task_manager) const {
  std::vector<TaskIndex> found;
  for (TaskIndex task : all()) {
    const auto& place = attempt(task).place;
    if (place && place->id == task_manager) found.push_back(task);
  }
  return found;
}

std::optional<TaskIndex> ExecutionGraph::find(const ExecutionId& execution) const {
  auto found = by_execution_.find(execution);
  if (found == by_execution_.end()) return std::nullopt;
  return found->second;
}

std::string ExecutionGraph::task_name(TaskIndex task) const {
  const auto& vertex = graph_.vertices[task.vertex];
  return fmt::format("{} ({}/{}) - execution #{}", vertex.name, task.subtask + 1, vertex.parallelism,
                     attempt(task).number);
}

LocatedFailure ExecutionGraph::locate(TaskIndex task, Failure failure) const {
  LocatedFailure located{std::move(failure), task_name(task), "", ""};
  if (const auto& place = attempt(task).place) {
    located.endpoint = fmt::format("{}:{}", place->host, place->data_port);
    located.task_manager_id = place->id.to_string();
  }
  return located;
}

Attempt& ExecutionGraph::change(TaskIndex task) {
  ++versions_[task.vertex];
  return tasks_[task.vertex][task.subtask];
}

bool ExecutionGraph::enter(TaskIndex task, TaskStatus status, WallTime now) {
  if (!may_follow(this->attempt(task).status, status)) return false;
  Attempt& attempt = change(task);
  ++status_changes_;
  for (StatusCounts* counts : {&counts_[task.vertex], &totals_}) {
    --(*counts)[static_cast<std::size_t>(attempt.status)];
    ++(*counts)[static_cast<std::size_t>(status)];
  }
  attempt.status = status;
  attempt.entered[static_cast<std::size_t>(status)] = now;
  return true;
}

std::vector<TaskIndex> ExecutionGraph::enter_all(TaskStatus status, WallTime now) {
  std::vector<TaskIndex> entered;
  for (TaskIndex task : all()) {
    if (enter(task, status, now)) entered.push_back(task);
  }
  return entered;
}

void ExecutionGraph::set_failure(TaskIndex task, Failure failure) { change(task).failure = std::move(failure); }

void ExecutionGraph::set_counters(TaskIndex task, TaskCounters counters, WallTime now) {
  const TaskCounters& current = this->attempt(task).counters;
  if (counters.records_in < current.records_in || counters.records_out < current.records_out) return;
  Attempt& attempt = change(task);
  attempt.earlier_counters = std::exchange(attempt.counters, std::move(counters));
  attempt.earlier_counted_at = std::exchange(attempt.counted_at, now);
}

void ExecutionGraph::set_place(TaskIndex task, TaskManagerPlace place, std::uint32_t slot) {
  Attempt& attempt = change(task);
  attempt.place = std::move(place);
  attempt.slot = slot;
}

bool ExecutionGraph::all_over() const {
  return count(TaskStatus::finished) + count(TaskStatus::canceled) + count(TaskStatus::failed) == size();
}

}  // namespace weir::jobmanager
