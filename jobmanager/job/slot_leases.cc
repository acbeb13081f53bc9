#include "jobmanager/job/slot_leases.h"

#include <algorithm>
#include <set>

#include "common/base/ensure.h"

namespace weir::jobmanager {

std::vector<SlotLeases::Place> SlotLeases::missing(const plan::JobGraph& graph,
                                                   std::span<const plan::TaskIndex> tasks) const {
  std::vector<std::string> groups;
  std::set<Place> wanted;
  for (const plan::TaskIndex& task : tasks) {
    Place place = place_of(graph, task);
    if (slots_.contains(place)) continue;
    if (std::find(groups.begin(), groups.end(), place.group) == groups.end()) groups.push_back(place.group);
    wanted.insert(std::move(place));
  }
  std::vector<Place> ordered;
  for (const std::string& group : groups) {
    for (auto place = wanted.lower_bound({group, 0}); place != wanted.end() && place->group == group; ++place)
      ordered.push_back(*place);
  }
  return ordered;
}

void SlotLeases::add(Place place, SlotAddress slot) {
  const auto [entry, fresh] = slots_.emplace(std::move(place), std::move(slot));
  ENSURE(fresh, "subtask {} of group '{}' has a slot already", entry->first.subtask, entry->first.group);
}

const SlotAddress* SlotLeases::find(const Place& place) const {
  const auto found = slots_.find(place);
  return found == slots_.end() ? nullptr : &found->second;
}

void SlotLeases::drop(const TaskManagerId& task_manager) {
  std::erase_if(slots_, [&](const auto& entry) { return entry.second.task_manager == task_manager; });
}

}  // namespace weir::jobmanager
