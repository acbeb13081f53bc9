// The slots that one job has, by what they are for. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/plan/job_graph.h"
#include "jobmanager/cluster/slot.h"

namespace weir::jobmanager {

/// Subtask i of every vertex of a slot sharing group runs in the group's slot i. A lease lasts over attempts: a task
/// that begins anew finds the slot that its attempt before had.
/// Lives on: the control thread (pure). Owned by the job; the pool holds the same slots.
class SlotLeases {
 public:
  /// A slot of a group, by subtask.
  struct Place {
    std::string group;
    std::uint32_t subtask = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  static Place place_of(const plan::JobGraph& graph, plan::TaskIndex task) {
    return {graph.vertices[task.vertex].slot_sharing_group, task.subtask};
  }

  /// Places of these tasks that have no slot, each once, in order of the groups' first task and the subtasks.
  std::vector<Place> missing(const plan::JobGraph& graph, std::span<const plan::TaskIndex> tasks) const;
  /// ENSUREs that the place has no slot yet.
  void add(Place place, SlotAddress slot);
  /// Null when it has none.
  const SlotAddress* find(const Place& place) const;
  /// The slots of this TaskManager are gone, or given back.
  void drop(const TaskManagerId& task_manager);
  std::size_t size() const { return slots_.size(); }

 private:
  std::map<Place, SlotAddress> slots_;
};

}  // namespace weir::jobmanager
