#include "jobmanager/job/slot_leases.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

using Place = SlotLeases::Place;
using plan::TaskIndex;

plan::JobGraph graph_of(const std::vector<std::pair<int, const char*>>& vertices) {
  plan::JobGraph graph;
  for (const auto& [parallelism, group] : vertices) {
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.parallelism = parallelism;
    vertex.slot_sharing_group = group;
    graph.vertices.push_back(vertex);
  }
  return graph;
}

TEST_CASE("slot_leases: what is missing is one slot per group and subtask, in order") {
  const plan::JobGraph graph = graph_of({{2, "z"}, {1, "a"}, {3, "z"}});
  SlotLeases leases;
  const std::vector<TaskIndex> all{{0, 0}, {0, 1}, {1, 0}, {2, 0}, {2, 1}, {2, 2}};
  CHECK(leases.missing(graph, all) == std::vector<Place>{{"z", 0}, {"z", 1}, {"z", 2}, {"a", 0}});
}

TEST_CASE("slot_leases: a new attempt has the slot of the one before, until its TaskManager goes") {
  const plan::JobGraph graph = graph_of({{2, "g"}, {2, "g"}});
  const auto a = *TaskManagerId::from_string("a"), b = *TaskManagerId::from_string("b");
  SlotLeases leases;
  leases.add({"g", 0}, {a, 3});
  leases.add({"g", 1}, {b, 0});
  const std::vector<TaskIndex> again{{0, 0}, {1, 1}};
  CHECK(leases.missing(graph, again).empty());
  CHECK(*leases.find(SlotLeases::place_of(graph, {1, 0})) == SlotAddress{a, 3});
  leases.drop(b);
  CHECK(leases.missing(graph, again) == std::vector<Place>{{"g", 1}});
  CHECK(leases.find({"g", 1}) == nullptr);
  CHECK(leases.size() == 1);
}

}  // namespace
}  // namespace weir::jobmanager
