#include "jobmanager/scheduling/placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::jobmanager {

namespace {

FreeSlots* choose(std::vector<FreeSlots>& offers, SlotChoice choice) {
  FreeSlots* best = nullptr;
  for (auto& offer : offers) {
    if (offer.free.empty()) continue;
    if (best == nullptr) best = &offer;
    if (choice == SlotChoice::pack) break;
    // Compares free / total without division.
    if (offer.free.size() * best->total > best->free.size() * offer.total) best = &offer;
  }
  return best;
}

Error too_few(const std::vector<GroupDemand>& demands, std::size_t needed, std::size_t free, std::size_t total) {
  std::string groups;
  if (demands.size() > 1) {
    for (const auto& demand : demands)
      groups += fmt::format("{}'{}' {}", groups.empty() ? "" : ", ", demand.group, demand.slots);
    groups = " (" + groups + ")";
  }
  return Error::external(
      ErrorCode::resource_exhausted,
      fmt::format("the job needs {} slots{}, and {} of {} registered slots are free", needed, groups, free, total));
}

}  // namespace

std::vector<GroupDemand> slot_demands(const plan::JobGraph& graph) {
  std::vector<GroupDemand> demands;
  for (const auto& vertex : graph.vertices) {
    auto found = std::find_if(demands.begin(), demands.end(),
                              [&](const GroupDemand& demand) { return demand.group == vertex.slot_sharing_group; });
    if (found == demands.end()) found = demands.insert(found, {vertex.slot_sharing_group, 0});
    found->slots = std::max(found->slots, static_cast<std::uint32_t>(vertex.parallelism));
  }
  return demands;
}

Result<std::vector<GroupPlacement>> place(const std::vector<GroupDemand>& demands, std::vector<FreeSlots> offers,
                                          SlotChoice choice) {
  std::size_t needed = 0, free = 0, total = 0;
  for (const auto& demand : demands) needed += demand.slots;
  for (const auto& offer : offers) {
    free += offer.free.size();
    total += offer.total;
  }
  if (needed > free) return too_few(demands, needed, free, total);

  // Slots are taken from the back of `free`, so lowest numbers go first.
  for (auto& offer : offers) std::sort(offer.free.begin(), offer.free.end(), std::greater<>());
  std::vector<GroupPlacement> placed;
  for (const auto& demand : demands) {
    GroupPlacement group{demand.group, {}};
    for (std::uint32_t i = 0; i < demand.slots; ++i) {
      FreeSlots& offer = *choose(offers, choice);
      group.slots.push_back({offer.task_manager, offer.free.back()});
      offer.free.pop_back();
    }
    placed.push_back(std::move(group));
  }
  return placed;
}

}  // namespace weir::jobmanager
