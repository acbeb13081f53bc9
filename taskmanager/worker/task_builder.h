// From a descriptor to a task: checks what the JobManager sent against the job's graph and wires the ends of its
// channels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/plan/exchange_window.h"
#include "common/plan/job_graph.h"
#include "taskmanager/worker/exchange_registry.h"
#include "taskmanager/worker/task_spec.h"
#include "weir/result.h"
#include "weir/stream_graph.h"

namespace weir::proto {
class TaskDescriptor;
}

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

  /// Errors: invalid_argument (internal): the descriptor names what the graph does not have, or leaves out what it has;
  /// not_found (user): the graph has no code for an operator or a key.
  Result<std::unique_ptr<TaskSpec>> build(const proto::TaskDescriptor& descriptor);

 private:
  Result<void> add_inputs(const proto::TaskDescriptor& descriptor, const plan::JobVertex& vertex, TaskSpec& spec);
  Result<void> add_outputs(const proto::TaskDescriptor& descriptor, const plan::JobVertex& vertex, TaskSpec& spec);
  Result<void> add_chain(const plan::JobVertex& vertex, TaskSpec& spec);
  Result<const EdgeNode*> edge_node(const plan::JobEdge& edge) const;

  // Set once
  const StreamGraph& graph_;
  const plan::JobGraph& job_graph_;
  const Settings settings_;
  ExchangeRegistry& registry_;
  const WakerOf waker_of_;
};

}  // namespace weir::taskmanager
