#include "common/plan/plan_json.h"

#include <doctest/doctest.h>

#include "common/plan/chaining.h"
#include "tests/support/plans.h"

namespace weir::plan {
namespace {

TEST_CASE("plan_json: has Flink's fields in Flink's order, downstream first, and its description is HTML") {
  PlanBuilder builder("a \"job\"");
  auto source = builder.source("<gen>");
  builder.sink("out", builder.map("Count", source, Partitioner::hash, 2), Partitioner::forward, 2);
  auto graph = make_job_graph(builder.plan(), {});
  REQUIRE(graph.ok());
  const std::string up = graph->vertices[0].id.to_hex(), down = graph->vertices[1].id.to_hex();
  CHECK(plan_json(*graph, builder.plan(), "00ff") ==
        R"({"jid":"00ff","name":"a \"job\"","type":"STREAMING","nodes":[{"id":")" + down +
            R"(","parallelism":2,"operator":"","operator_strategy":"","description":"Count<br/>+- Sink: out<br/>",)"
            R"("inputs":[{"num":0,"id":")" +
            up + R"(","ship_strategy":"HASH","exchange":"pipelined_bounded"}],"optimizer_properties":{}},{"id":")" +
            up +
            R"(","parallelism":1,"operator":"","operator_strategy":"","description":"Source: &lt;gen&gt;<br/>",)"
            R"("optimizer_properties":{}}]})");
}

TEST_CASE("plan_json: every partitioner has Flink's word, and an operator with two inputs shows both") {
  struct Case {
    Partitioner partitioner;
    const char* word;
  };
  const Case cases[] = {{Partitioner::forward, "FORWARD"},     {Partitioner::hash, "HASH"},
                        {Partitioner::rebalance, "REBALANCE"}, {Partitioner::rescale, "RESCALE"},
                        {Partitioner::broadcast, "BROADCAST"}, {Partitioner::shuffle, "SHUFFLE"},
                        {Partitioner::global, "GLOBAL"},       {Partitioner::custom, "CUSTOM"}};
  for (const auto& [partitioner, word] : cases) {
    PlanBuilder builder("job");
    const auto first = builder.source("first", 2);
    const auto second = builder.source("second", 2);
    const auto both = builder.map("Co-Map", first, partitioner, 2);
    builder.connect(second, both, Partitioner::broadcast, 1);
    builder.sink("out", both, Partitioner::forward, 2);
    auto graph = make_job_graph(builder.plan(), {});
    REQUIRE(graph.ok());
    CHECK(graph->vertices.size() == 3);
    CHECK(graph->edges[1].input == 1);
    const std::string json = plan_json(*graph, builder.plan(), "00ff");
    CHECK(json.find(R"({"num":0,"id":")" + graph->vertices[0].id.to_hex() + R"(","ship_strategy":")" + word + "\"") !=
          std::string::npos);
    CHECK(json.find(R"({"num":1,"id":")" + graph->vertices[1].id.to_hex() + R"(","ship_strategy":"BROADCAST")") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace weir::plan
