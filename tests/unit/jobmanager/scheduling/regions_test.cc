#include "jobmanager/scheduling/regions.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

using plan::ExchangeMode;
using plan::Partitioner;
using plan::TaskIndex;

plan::JobGraph chain(const std::vector<int>& parallelism,
                     const std::vector<std::pair<Partitioner, ExchangeMode>>& edges) {
  plan::JobGraph graph;
  for (const int width : parallelism) {
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.parallelism = width;
    graph.vertices.push_back(vertex);
  }
  for (std::uint32_t i = 0; i < edges.size(); ++i) {
    plan::JobEdge edge;
    edge.id = i;
    edge.source_vertex = graph.vertices[i].id;
    edge.target_vertex = graph.vertices[i + 1].id;
    edge.partitioner = edges[i].first;
    edge.mode = edges[i].second;
    graph.edges.push_back(edge);
  }
  return graph;
}

constexpr auto kPipelined = ExchangeMode::pipelined;
constexpr auto kBlocking = ExchangeMode::blocking;

TEST_CASE("regions: an all-to-all pipelined exchange joins everything, forward edges one pipeline each") {
  CHECK(pipelined_regions(chain({3, 4}, {{Partitioner::hash, kPipelined}})).tasks.size() == 1);
  const Regions pipelines =
      pipelined_regions(chain({3, 3, 3}, {{Partitioner::forward, kPipelined}, {Partitioner::forward, kPipelined}}));
  REQUIRE(pipelines.tasks.size() == 3);
  CHECK(pipelines.around({1, 2}) == std::vector<TaskIndex>{{0, 2}, {1, 2}, {2, 2}});
  CHECK(pipelines.of[0] == std::vector<std::uint32_t>{0, 1, 2});
}

TEST_CASE("regions: rescale joins a producer with its consumers only") {
  const Regions regions = pipelined_regions(chain({2, 4}, {{Partitioner::rescale, kPipelined}}));
  REQUIRE(regions.tasks.size() == 2);
  CHECK(regions.around({0, 0}) == std::vector<TaskIndex>{{0, 0}, {1, 0}, {1, 1}});
}

TEST_CASE("regions: blocking exchanges cut") {
  CHECK(pipelined_regions(chain({2, 3}, {{Partitioner::hash, kBlocking}})).tasks.size() == 5);
  const Regions regions =
      pipelined_regions(chain({2, 2, 2}, {{Partitioner::hash, kPipelined}, {Partitioner::hash, kBlocking}}));
  REQUIRE(regions.tasks.size() == 3);
  CHECK(regions.around({1, 1}) == std::vector<TaskIndex>{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  CHECK(regions.around({2, 1}) == std::vector<TaskIndex>{{2, 1}});
}

TEST_CASE("regions: two branches that meet nowhere are two regions, and every task is in one") {
  plan::JobGraph graph = chain({2, 2}, {{Partitioner::broadcast, kPipelined}});
  plan::JobVertex lonely;
  lonely.id = VertexId::random();
  lonely.parallelism = 2;
  graph.vertices.push_back(lonely);
  const Regions regions = pipelined_regions(graph);
  REQUIRE(regions.tasks.size() == 3);
  std::size_t count = 0;
  for (const auto& tasks : regions.tasks) count += tasks.size();
  CHECK(count == graph.task_count());
  CHECK(pipelined_regions(plan::JobGraph()).tasks.empty());
}

}  // namespace
}  // namespace weir::jobmanager
