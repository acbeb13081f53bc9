#include "jobmanager/job/execution_graph.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "common/base/ensure.h"

namespace weir::jobmanager {

ExecutionGraph::ExecutionGraph(std::shared_ptr<const plan::JobGraph> graph, WallTime now) : graph_(std::move(graph)) {
  versions_.assign(graph_->vertices.size(), 0);
  for (std::uint32_t v = 0; v < graph_->vertices.size(); ++v) {
    const auto parallelism = static_cast<std::uint32_t>(graph_->vertices[v].parallelism);
    auto& tasks = tasks_.emplace_back(parallelism);
    counts_.emplace_back();
    size_ += parallelism;
    for (std::uint32_t s = 0; s < parallelism; ++s) {
      Attempt& first = tasks[s].current;
      first.execution = ExecutionId::random();
      first.entered[static_cast<std::size_t>(TaskStatus::created)] = now;
      by_execution_.emplace(first.execution, TaskIndex{v, s});
      count_in({v, s}, TaskStatus::created);
    }
  }
}

void ExecutionGraph::count_in(TaskIndex task, TaskStatus status) {
  ++counts_[task.vertex][static_cast<std::size_t>(status)];
  ++totals_[static_cast<std::size_t>(status)];
}

void ExecutionGraph::count_out(TaskIndex task, TaskStatus status) {
  --counts_[task.vertex][static_cast<std::size_t>(status)];
  --totals_[static_cast<std::size_t>(status)];
}

void ExecutionGraph::reset(std::span<const TaskIndex> tasks, WallTime now) {
  for (const TaskIndex& index : tasks) {
    Task& task = tasks_[index.vertex][index.subtask];
    if (task.current.status == TaskStatus::created) continue;
    ENSURE(is_over(task.current.status), "{} begins anew while it is {}", task_name(index),
           name_of(task.current.status));
    ++versions_[index.vertex];
    ++status_changes_;
    by_execution_.erase(task.current.execution);
    count_out(index, task.current.status);
    Attempt next;
    next.number = task.current.number + 1;
    next.execution = ExecutionId::random();
    next.entered[static_cast<std::size_t>(TaskStatus::created)] = now;
    task.history.push_back(std::exchange(task.current, std::move(next)));
    if (task.history.size() > kHistoryMax) task.history.pop_front();
    by_execution_.emplace(task.current.execution, index);
    count_in(index, TaskStatus::created);
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
  const auto& vertex = graph_->vertices[task.vertex];
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
  return tasks_[task.vertex][task.subtask].current;
}

bool ExecutionGraph::enter(TaskIndex task, TaskStatus status, WallTime now) {
  if (!may_follow(this->attempt(task).status, status)) return false;
  Attempt& attempt = change(task);
  ++status_changes_;
  count_out(task, attempt.status);
  count_in(task, status);
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

void ExecutionGraph::set_place(TaskIndex task, plan::TaskManagerPlace place, std::uint32_t slot) {
  Attempt& attempt = change(task);
  attempt.place = std::move(place);
  attempt.slot = slot;
}

plan::TaskTable ExecutionGraph::table() const {
  plan::TaskTable table;
  std::unordered_map<TaskManagerId, std::uint32_t> number;
  for (const auto& vertex : tasks_) {
    auto& placed = table.tasks.emplace_back(vertex.size());
    for (std::size_t subtask = 0; subtask < vertex.size(); ++subtask) {
      const Attempt& attempt = vertex[subtask].current;
      if (!attempt.place) continue;
      const auto [found, fresh] = number.emplace(attempt.place->id, static_cast<std::uint32_t>(table.places.size()));
      if (fresh) table.places.push_back(*attempt.place);
      placed[subtask] = {attempt.execution, attempt.number, found->second, attempt.slot};
    }
  }
  return table;
}

bool ExecutionGraph::all_over() const {
  return count(TaskStatus::finished) + count(TaskStatus::canceled) + count(TaskStatus::failed) == size();
}

}  // namespace weir::jobmanager
