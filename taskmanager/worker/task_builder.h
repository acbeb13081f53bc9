// From a task's place in the job graph to the task: checks what the JobManager sent against the graph and wires the
// ends of its channels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/plan/deployment.h"
#include "common/plan/exchange_pattern.h"
#include "common/plan/exchange_window.h"
#include "common/plan/job_graph.h"
#include "taskmanager/worker/exchange_registry.h"
#include "taskmanager/worker/task_spec.h"
#include "weir/result.h"
#include "weir/stream_graph.h"

namespace weir::taskmanager {

/// Lives on: the worker's control thread. The graphs, the registry and the settings outlive it and the tasks.
class TaskBuilder {
 public:
  struct Settings {
    std::string task_manager_id;
    std::uint32_t slots = 0;
    std::uint32_t window = plan::kWindowMin;
    std::uint32_t record_bytes_max = 0;
    FlushPolicy flush;
    const std::map<std::string, std::string, std::less<>>* job_settings = nullptr;
  };
  using WakerOf = std::function<Waker&(std::uint32_t slot)>;
  TaskBuilder(const StreamGraph& graph, const plan::JobGraph& job_graph, Settings settings, ExchangeRegistry& registry,
              WakerOf waker_of);

  /// Begins a deployment: tasks that are built from here on find their peers in this table.
  /// Errors: invalid_argument (internal): the table is not of this job graph.
  Result<void> begin(std::shared_ptr<const plan::TaskTable> table);
  /// Errors: invalid_argument (internal): the table has no place for the task or a peer, or one that is not here;
  /// not_found (user): the graph has no code for an operator or a key.
  Result<std::unique_ptr<TaskSpec>> build(plan::TaskIndex task);

 private:
  /// An edge of the job graph with the vertices at its ends and the library's node for it.
  struct Edge {
    const plan::JobEdge* edge = nullptr;
    std::uint32_t source = 0;
    std::uint32_t target = 0;
    Result<const EdgeNode*> node;
  };

  Result<void> add_inputs(plan::TaskIndex task, TaskSpec& spec);
  Result<void> add_outputs(plan::TaskIndex task, TaskSpec& spec);
  Result<void> add_chain(const plan::JobVertex& vertex, TaskSpec& spec);
  Result<const EdgeNode*> edge_node(const plan::JobEdge& edge) const;
  std::uint32_t parallelism(std::uint32_t vertex) const;
  Peers peers_of(std::uint32_t vertex, plan::SubtaskRange range) const;
  /// The placed task, when it runs in this process; none when it runs in another.
  Result<const plan::PlacedTask*> local(plan::TaskIndex task) const;

  // Set once
  const StreamGraph& graph_;
  const plan::JobGraph& job_graph_;
  const Settings settings_;
  ExchangeRegistry& registry_;
  const WakerOf waker_of_;
  std::vector<Edge> edges_;  // in the job graph's order
  // Of the current deployment
  std::shared_ptr<const plan::TaskTable> table_;
  std::vector<bool> is_local_;  // by place
};

}  // namespace weir::taskmanager
