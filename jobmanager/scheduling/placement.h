// Which slot each task gets. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/plan/job_graph.h"
#include "jobmanager/cluster/slot.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// What one slot sharing group of a job needs: subtask i of each of its vertices runs in its slot i.
struct GroupDemand {
  std::string group;
  std::uint32_t slots = 0;  ///< parallelism of its widest vertex
  friend bool operator==(const GroupDemand&, const GroupDemand&) = default;
};

/// The slots of one group, by subtask index.
struct GroupPlacement {
  std::string group;
  std::vector<SlotAddress> slots;
  friend bool operator==(const GroupPlacement&, const GroupPlacement&) = default;
};

/// How TaskManagers are chosen among.
enum class SlotChoice {
  pack,    ///< fill one TaskManager after another (Flink's default)
  spread,  ///< always the one with the largest part of its slots free (cluster.evenly-spread-out-slots)
};

/// The groups of a job in the order of their first vertex.
std::vector<GroupDemand> slot_demands(const plan::JobGraph& graph);

/// Chooses a slot for every subtask of every group, all or nothing.
/// Lives on: any thread (pure).
/// @param offers   what is free; its order breaks ties
/// @return         one entry per demand, in order
/// Errors: resource_exhausted: "needs 4 slots (...) and 1 of 2 is free".
Result<std::vector<GroupPlacement>> place(const std::vector<GroupDemand>& demands, std::vector<FreeSlots> offers,
                                          SlotChoice choice);

}  // namespace weir::jobmanager
