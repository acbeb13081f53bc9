#include "jobmanager/scheduling/placement.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "tests/support/seed.h"

namespace weir::jobmanager {
namespace {

using Placed = std::vector<GroupPlacement>;

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
  const auto packed = place({{"default", 3}}, offers, SlotChoice::pack);
  CHECK(std::get<Placed>(packed)[0].slots == std::vector<SlotAddress>{{tm("a"), 0}, {tm("a"), 1}, {tm("b"), 0}});
  const auto spread = place({{"default", 4}}, offers, SlotChoice::spread);
  CHECK(std::get<Placed>(spread)[0].slots ==
        std::vector<SlotAddress>{{tm("a"), 0}, {tm("b"), 0}, {tm("a"), 1}, {tm("b"), 1}});
}

TEST_CASE("placement: too few slots is a sentence with all the numbers, and nothing is placed") {
  const std::vector<FreeSlots> offers{{tm("a"), 2, {1}}};
  const auto one = std::get<SlotShortage>(place({{"default", 4}}, offers, SlotChoice::pack));
  CHECK(one == SlotShortage{{{"default", 4}}, 1, 2});
  CHECK(one.needed() == 4);
  CHECK(one.missing() == 3);
  CHECK(one.to_text() == "the job needs 4 slots, and 1 of 2 registered slots are free");
  CHECK(std::get<SlotShortage>(place({{"default", 1}, {"io", 1}}, offers, SlotChoice::pack)).to_text() ==
        "the job needs 2 slots ('default' 1, 'io' 1), and 1 of 2 registered slots are free");
  CHECK(std::holds_alternative<SlotShortage>(place({{"default", 1}}, {}, SlotChoice::pack)));
}

TEST_CASE("placement: an avoided TaskManager gets tasks only where nobody else has a slot") {
  const std::vector<FreeSlots> offers{{tm("bad"), 2, {0, 1}, true}, {tm("good"), 2, {0, 1}}};
  for (const SlotChoice choice : {SlotChoice::pack, SlotChoice::spread}) {
    const auto two = place({{"default", 2}}, offers, choice);
    CHECK(std::get<Placed>(two)[0].slots == std::vector<SlotAddress>{{tm("good"), 0}, {tm("good"), 1}});
    const auto three = place({{"default", 3}}, offers, choice);
    CHECK(std::get<Placed>(three)[0].slots ==
          std::vector<SlotAddress>{{tm("good"), 0}, {tm("good"), 1}, {tm("bad"), 0}});
  }
}

TEST_CASE("placement: for random offers, every subtask gets a slot of its own that was free, or nobody gets one") {
  std::mt19937 random(test::seed());
  INFO("seed " << test::seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<FreeSlots> offers;
    std::set<SlotAddress> free;
    for (std::uint32_t t = 0; t < random() % 5; ++t) {
      FreeSlots offer{
          tm("tm" + std::to_string(t)), 1 + static_cast<std::uint32_t>(random() % 6), {}, random() % 4 == 0};
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
    const auto result = place(demands, offers, random() % 2 == 0 ? SlotChoice::pack : SlotChoice::spread);
    const auto* const placed = std::get_if<Placed>(&result);
    REQUIRE((placed != nullptr) == (needed <= free.size()));
    if (placed == nullptr) continue;
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
