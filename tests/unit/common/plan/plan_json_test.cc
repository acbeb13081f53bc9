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
            R"(","parallelism":2,"operator":"","operator_strategy":"","description":"Count<br/>+- Sink: out<br/>","inputs":[{"num":0,"id":")" +
            up + R"(","ship_strategy":"HASH","exchange":"pipelined_bounded"}],"optimizer_properties":{}},{"id":")" + up +
            R"(","parallelism":1,"operator":"","operator_strategy":"","description":"Source: &lt;gen&gt;<br/>","optimizer_properties":{}}]})");
}

}  // namespace
}  // namespace weir::plan
