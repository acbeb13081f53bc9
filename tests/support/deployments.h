// Deployments of one vertex, for tests of TaskManagers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/plan/deployment.h"
#include "proto/task_manager.pb.h"

namespace weir::testing {

/// Adds a vertex with one task per slot, all on this TaskManager, and deploys all of it.
inline void add_tasks(proto::DeployRequest& request, const std::vector<std::uint32_t>& slots) {
  plan::TaskTable table;
  table.places.push_back({*TaskManagerId::from_string("tm-1"), "127.0.0.1", 1});
  auto& tasks = table.tasks.emplace_back();
  for (const std::uint32_t slot : slots) tasks.push_back({ExecutionId::random(), 0, 0, slot});
  plan::encode_task_table(table, *request.mutable_table());
  auto& range = *request.add_tasks();
  range.set_vertex(0);
  range.set_first(0);
  range.set_last(static_cast<std::uint32_t>(slots.size()));
}

/// The executions that a request deploys, in order.
template <class Request>
std::vector<plan::PlacedTask> placed_tasks(const Request& request) {
  const plan::TaskTable table = *plan::decode_task_table(request.table());
  std::vector<plan::TaskRange> ranges;
  for (const auto& range : request.tasks()) ranges.push_back(plan::decode_task_range(range));
  std::vector<plan::PlacedTask> placed;
  const auto tasks = plan::tasks_of(ranges, table);
  for (const plan::TaskIndex& task : tasks.value()) placed.push_back(table.at(task));
  return placed;
}

inline ExecutionId execution_of(const proto::DeployRequest& request, std::size_t task = 0) {
  return placed_tasks(request).at(task).execution;
}

}  // namespace weir::testing
