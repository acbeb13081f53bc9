#include "common/plan/job_graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/checksum.h"
#include "common/base/ensure.h"

namespace weir::plan {

std::string_view ship_strategy(Partitioner partitioner) {
  switch (partitioner) {
    case Partitioner::forward: return "FORWARD";
    case Partitioner::hash: return "HASH";
    case Partitioner::rebalance: return "REBALANCE";
    case Partitioner::rescale: return "RESCALE";
    case Partitioner::broadcast: return "BROADCAST";
    case Partitioner::shuffle: return "SHUFFLE";
    case Partitioner::global: return "GLOBAL";
    case Partitioner::custom: return "CUSTOM";
  }
  return "UNKNOWN";
}

OperatorId stable_operator_id(const PlannedOperator& planned) {
  if (!planned.stable_id.is_none()) return planned.stable_id;
  const std::string identity = planned.uid.empty() ? fmt::format("position {} {}", planned.id, planned.kind)
                                                   : fmt::format("uid {}", planned.uid);
  return OperatorId(xxh3_128(identity));
}

const JobVertex* JobGraph::find(const VertexId& id) const {
  auto found = std::find_if(vertices.begin(), vertices.end(), [&](const JobVertex& vertex) { return vertex.id == id; });
  return found == vertices.end() ? nullptr : &*found;
}

std::size_t JobGraph::index_of(const VertexId& id) const {
  const JobVertex* vertex = find(id);
  ENSURE(vertex != nullptr, "no such vertex in job {}", job_name);
  return static_cast<std::size_t>(vertex - vertices.data());
}

std::size_t JobGraph::task_count() const {
  std::size_t count = 0;
  for (const auto& vertex : vertices) count += static_cast<std::size_t>(vertex.parallelism);
  return count;
}

}  // namespace weir::plan
