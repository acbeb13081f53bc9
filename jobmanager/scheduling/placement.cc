#include "jobmanager/scheduling/placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::jobmanager {

namespace {

/// Whether `a` is to be taken before `b`, which stands before it.
bool is_better(const FreeSlots& a, const FreeSlots& b, SlotChoice choice) {
  if (a.is_avoided != b.is_avoided) return b.is_avoided;
  // Compares free / total without division.
  return choice == SlotChoice::spread && a.free.size() * b.total > b.free.size() * a.total;
}

FreeSlots* choose(std::vector<FreeSlots>& offers, SlotChoice choice) {
  FreeSlots* best = nullptr;
  for (auto& offer : offers) {
    if (offer.free.empty()) continue;
    if (best == nullptr || is_better(offer, *best, choice)) best = &offer;
  }
  return best;
}

}  // namespace

std::uint32_t SlotShortage::needed() const {
  std::uint32_t sum = 0;
  for (const auto& demand : demands) sum += demand.slots;
  return sum;
}

std::string SlotShortage::to_text() const {
  std::string groups;
  if (demands.size() > 1) {
    for (const auto& demand : demands)
      groups += fmt::format("{}'{}' {}", groups.empty() ? "" : ", ", demand.group, demand.slots);
    groups = " (" + groups + ")";
  }
  return fmt::format("the job needs {} slots{}, and {} of {} registered slots are free", needed(), groups, free,
                     registered);
}

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

std::variant<std::vector<GroupPlacement>, SlotShortage> place(const std::vector<GroupDemand>& demands,
                                                              std::vector<FreeSlots> offers, SlotChoice choice) {
  SlotShortage shortage{demands, 0, 0};
  for (const auto& offer : offers) {
    shortage.free += static_cast<std::uint32_t>(offer.free.size());
    shortage.registered += offer.total;
  }
  if (shortage.needed() > shortage.free) return shortage;

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
