#include "common/plan/deployment.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/base/try.h"
#include "proto/task_manager.pb.h"

namespace weir::plan {

namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::uint32_t kPortMax = 65535;

Error refused(std::string what) {
  return {ErrorCode::invalid_argument, Blame::internal, "the deployment is not valid: " + std::move(what)};
}

Result<std::vector<PlacedTask>> decode_vertex(const proto::VertexTasks& message, std::size_t places) {
  const auto count = static_cast<std::size_t>(message.places_size());
  if (message.executions().size() != count * kIdBytes || static_cast<std::size_t>(message.slots_size()) != count ||
      static_cast<std::size_t>(message.attempts_size()) != count) {
    return refused(fmt::format("a vertex with {} places, {} slots, {} attempts and {} bytes of executions", count,
                               message.slots_size(), message.attempts_size(), message.executions().size()));
  }
  std::vector<PlacedTask> tasks(count);
  const std::string_view executions = message.executions();
  for (std::size_t i = 0; i < count; ++i) {
    const int at = static_cast<int>(i);
    TRY(tasks[i].execution, ExecutionId::from_bytes(executions.substr(i * kIdBytes, kIdBytes)));
    tasks[i].attempt = message.attempts(at);
    tasks[i].place = message.places(at);
    tasks[i].slot = message.slots(at);
    if (!tasks[i].execution.is_none() && tasks[i].place >= places)
      return refused(fmt::format("a task at place {} of {}", tasks[i].place, places));
  }
  return tasks;
}

}  // namespace

std::vector<TaskRange> ranges_of(std::vector<TaskIndex> tasks) {
  std::sort(tasks.begin(), tasks.end());
  std::vector<TaskRange> ranges;
  for (const TaskIndex& task : tasks) {
    if (!ranges.empty() && ranges.back().vertex == task.vertex && ranges.back().last == task.subtask) {
      ++ranges.back().last;
    } else {
      ranges.push_back({task.vertex, task.subtask, task.subtask + 1});
    }
  }
  return ranges;
}

Result<std::vector<TaskIndex>> tasks_of(std::span<const TaskRange> ranges, const TaskTable& table) {
  std::size_t known = 0;
  for (const auto& tasks : table.tasks) known += tasks.size();
  std::vector<TaskIndex> found;
  for (const TaskRange& range : ranges) {
    if (range.vertex >= table.tasks.size() || range.first >= range.last ||
        range.last > table.tasks[range.vertex].size()) {
      return refused(fmt::format("subtasks {} to {} of vertex {}", range.first, range.last, range.vertex));
    }
    if (found.size() + (range.last - range.first) > known) return refused("ranges of tasks that overlap");
    for (std::uint32_t subtask = range.first; subtask < range.last; ++subtask) found.push_back({range.vertex, subtask});
  }
  return found;
}

TaskRange decode_task_range(const proto::TaskRange& message) {
  return {message.vertex(), message.first(), message.last()};
}

void encode_task_table(const TaskTable& table, proto::TaskTable& message) {
  message.Clear();
  for (const TaskManagerPlace& place : table.places) {
    auto& out = *message.add_places();
    out.set_task_manager_id(place.id.to_string());
    out.set_host(place.host);
    out.set_data_port(place.data_port);
  }
  for (const auto& tasks : table.tasks) {
    auto& out = *message.add_vertices();
    std::string& executions = *out.mutable_executions();
    executions.reserve(tasks.size() * kIdBytes);
    out.mutable_attempts()->Reserve(static_cast<int>(tasks.size()));
    out.mutable_places()->Reserve(static_cast<int>(tasks.size()));
    out.mutable_slots()->Reserve(static_cast<int>(tasks.size()));
    for (const PlacedTask& task : tasks) {
      const auto& bytes = task.execution.bytes();
      executions.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      out.add_attempts(task.attempt);
      out.add_places(task.place);
      out.add_slots(task.slot);
    }
  }
}

Result<TaskTable> decode_task_table(const proto::TaskTable& message) {
  TaskTable table;
  for (const auto& place : message.places()) {
    if (place.data_port() > kPortMax) return refused(fmt::format("a place with data port {}", place.data_port()));
    TRY(auto id, TaskManagerId::from_string(place.task_manager_id()));
    table.places.push_back({std::move(id), place.host(), static_cast<std::uint16_t>(place.data_port())});
  }
  std::size_t count = 0;
  for (const auto& vertex : message.vertices()) {
    count += static_cast<std::size_t>(vertex.places_size());
    if (count > kTasksMax) return refused(fmt::format("more than {} tasks", kTasksMax));
    TRY(auto tasks, decode_vertex(vertex, table.places.size()));
    table.tasks.push_back(std::move(tasks));
  }
  return table;
}

void encode_generation(const Generation& generation, proto::Generation& message) {
  message.set_epoch(generation.epoch);
  message.set_number(generation.number);
}

Generation decode_generation(const proto::Generation& message) { return {message.epoch(), message.number()}; }

void encode_job_worker(const JobWorker& worker, proto::JobWorker& message) {
  message.set_job(worker.job.to_bytes());
  encode_generation(worker.generation, *message.mutable_generation());
}

Result<JobWorker> decode_job_worker(const proto::JobWorker& message) {
  TRY(const JobId job, JobId::from_bytes(message.job()));
  return JobWorker{job, decode_generation(message.generation())};
}

}  // namespace weir::plan
