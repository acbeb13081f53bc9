#include "jobmanager/scheduling/placement.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "tests/support/seed.h"

namespace weir::jobmanager {
namespace {

TaskManagerId tm(const std::string& name) { return *TaskManagerId::from_string(name); }

plan::JobVertex vertex(int parallelism, std::string group) {
  plan::JobVertex made;
  made.id = VertexId::random();
  made.parallelism = parallelism;
  made.slot_sharing_group = std::move(group);
  return made;
}

TEST_CASE("placement: a group needs as many slots as its widest vertex") {
  plan::JobGraph graph;
  graph.vertices = {vertex(2, "default"), vertex(3, "io"), vertex(4, "default"), vertex(1, "io")};
  CHECK(slot_demands(graph) == std::vector<GroupDemand>{{"default", 4}, {"io", 3}});
}

TEST_CASE("placement: packing fills one TaskManager after another, spreading takes turns") {
  const std::vector<FreeSlots> offers{{tm("a"), 2, {0, 1}}, {tm("b"), 2, {0, 1}}, {tm("c"), 2, {1}}};
  auto packed = place({{"default", 3}}, offers, SlotChoice::pack);
  REQUIRE(packed.ok());
  CHECK((*packed)[0].slots == std::vector<SlotAddress>{{tm("a"), 0}, {tm("a"), 1}, {tm("b"), 0}});
  auto spread = place({{"default", 4}}, offers, SlotChoice::spread);
  REQUIRE(spread.ok());
  CHECK((*spread)[0].slots == std::vector<SlotAddress>{{tm("a"), 0}, {tm("b"), 0}, {tm("a"), 1}, {tm("b"), 1}});
}

TEST_CASE("placement: too few slots is a sentence with all the numbers, and nothing is placed") {
  const std::vector<FreeSlots> offers{{tm("a"), 2, {1}}};
  CHECK(place({{"default", 4}}, offers, SlotChoice::pack).error().message ==
        "the job needs 4 slots, and 1 of 2 registered slots are free");
  CHECK(place({{"default", 1}, {"io", 1}}, offers, SlotChoice::pack).error().message ==
        "the job needs 2 slots ('default' 1, 'io' 1), and 1 of 2 registered slots are free");
  CHECK(place({{"default", 1}}, {}, SlotChoice::pack).error().code == ErrorCode::resource_exhausted);
}

TEST_CASE("placement: for random offers, every subtask gets a slot of its own that was free, or nobody gets one") {
  std::mt19937 random(test::seed());
  INFO("seed " << test::seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<FreeSlots> offers;
    std::set<SlotAddress> free;
    for (std::uint32_t t = 0; t < random() % 5; ++t) {
      FreeSlots offer{tm("tm" + std::to_string(t)), 1 + static_cast<std::uint32_t>(random() % 6), {}};
      for (std::uint32_t s = 0; s < offer.total; ++s) {
        if (random() % 3 == 0) continue;
        offer.free.push_back(s);
        free.insert({offer.task_manager, s});
      }
      offers.push_back(std::move(offer));
    }
    std::vector<GroupDemand> demands;
    std::size_t needed = 0;
    for (std::uint32_t g = 0; g < 1 + random() % 3; ++g) {
      demands.push_back({"g" + std::to_string(g), 1 + static_cast<std::uint32_t>(random() % 5)});
      needed += demands.back().slots;
    }
    auto placed = place(demands, offers, random() % 2 == 0 ? SlotChoice::pack : SlotChoice::spread);
    REQUIRE(placed.ok() == (needed <= free.size()));
    if (!placed.ok()) continue;
    std::set<SlotAddress> taken;
    for (std::size_t g = 0; g < demands.size(); ++g) {
      CHECK((*placed)[g].slots.size() == demands[g].slots);
      for (const auto& slot : (*placed)[g].slots) {
        CHECK(free.contains(slot));
        CHECK(taken.insert(slot).second);
      }
    }
  }
}

}  // namespace
}  // namespace weir::jobmanager
