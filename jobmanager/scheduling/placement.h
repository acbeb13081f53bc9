// Which slot each task gets. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/plan/job_graph.h"
#include "jobmanager/cluster/slot.h"

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

/// Why slots could not be had, in numbers.
struct SlotShortage {
  std::vector<GroupDemand> demands;
  std::uint32_t free = 0;
  std::uint32_t registered = 0;

  std::uint32_t needed() const;  ///< by all groups
  std::uint32_t missing() const { return needed() - free; }
  /// "the job needs 4 slots ('a' 1, 'b' 3), and 1 of 2 registered slots are free".
  std::string to_text() const;
  friend bool operator==(const SlotShortage&, const SlotShortage&) = default;
};

/// Chooses a slot for every demand of every group, all or nothing.
/// Lives on: any thread (pure).
/// @param offers   what is free; its order breaks ties; avoided ones are taken last
/// @return         one entry per demand, in order; or what is missing
std::variant<std::vector<GroupPlacement>, SlotShortage> place(const std::vector<GroupDemand>& demands,
                                                              std::vector<FreeSlots> offers, SlotChoice choice);

}  // namespace weir::jobmanager
