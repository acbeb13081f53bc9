#include "common/plan/exchange_window.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::plan;

TEST_CASE("exchange_window: the window shrinks with the channels, and says when even the least does not fit") {
  const auto graph_of = [](int parallelism) {
    JobGraph graph;
    const VertexId source = VertexId::random();
    const VertexId sink = VertexId::random();
    graph.vertices = {{source, "source", parallelism, 128, "default", {1}},
                      {sink, "sink", parallelism, 128, "default", {2}}};
    graph.edges = {{.id = 0,
                    .source_vertex = source,
                    .target_vertex = sink,
                    .source_operator = 1,
                    .target_operator = 2,
                    .partitioner = Partitioner::hash}};
    return graph;
  };
  const std::uint64_t share = 16u << 20;
  CHECK(plan_window(graph_of(2), share).window == kWindowMax);
  CHECK(plan_window(graph_of(64), share).window < kWindowMax);
  CHECK(plan_window(graph_of(64), share).fits);
  CHECK(plan_window(graph_of(64), share).blocks_needed * kBlockBytes <= share);
  CHECK(plan_window(graph_of(400), share).window == kWindowMin);
  CHECK(!plan_window(graph_of(400), share).fits);
}

TEST_CASE("exchange_window: what a slot needs follows from the graph, by hand") {
  JobGraph graph;
  const VertexId source = VertexId::random();
  const VertexId map = VertexId::random();
  const VertexId sink = VertexId::random();
  graph.vertices = {{source, "source", 3, 128, "default", {1}},
                    {map, "map", 2, 128, "default", {2, 3}},
                    {sink, "sink", 4, 128, "default", {4}}};
  graph.edges = {{.id = 0,
                  .source_vertex = source,
                  .target_vertex = map,
                  .source_operator = 1,
                  .target_operator = 2,
                  .partitioner = Partitioner::hash},
                 {.id = 1,
                  .source_vertex = map,
                  .target_vertex = sink,
                  .source_operator = 3,
                  .target_operator = 4,
                  .partitioner = Partitioner::rescale}};
  const ExchangeNeed need = exchange_need(graph);
  CHECK(need.channels == 3 + 1);  // a map task reads three sources, a sink task one map
  CHECK(need.fixed_blocks ==
        (2 + 3 + 2) + (2 + 2));  // operators and one more per vertex; open blocks towards two maps and two sinks
  CHECK(need.blocks(16) == 11 + 4 * 16);
  CHECK(need.bytes(2) == (11 + 4 * 2) * (64 + 41'984));
}
