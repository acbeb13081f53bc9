#include "api/loader/plan_builder.h"

#include <doctest/doctest.h>

#include "proto/plan.pb.h"

using weir::EdgeNode;
using weir::OperatorNode;
using weir::OperatorRole;
using weir::StreamGraph;

namespace {

StreamGraph source_to_sink() {
  StreamGraph graph;
  graph.job_name = "job";
  OperatorNode source;
  source.id = 1;
  source.role = OperatorRole::source;
  source.kind = "Source";
  source.name = "numbers";
  source.outputs.push_back({"", "int64", {}});
  OperatorNode sink;
  sink.id = 2;
  sink.role = OperatorRole::sink;
  sink.kind = "Sink";
  sink.name = "nowhere";
  EdgeNode edge;
  edge.source = 1;
  sink.inputs.push_back(edge);
  graph.operators = {source, sink};
  return graph;
}

std::string refusal(const StreamGraph& graph) {
  weir::proto::Plan plan;
  const auto built = weir::build_plan(graph, plan);
  REQUIRE_FALSE(built.ok());
  CHECK(built.error().blame == weir::Blame::user);
  return built.error().message;
}

}  // namespace

TEST_CASE("plan_builder: operators and edges stand in the plan as they were made") {
  weir::proto::Plan plan;
  REQUIRE(weir::build_plan(source_to_sink(), plan).ok());
  CHECK(plan.operators_size() == 2);
  CHECK(plan.operators(1).inputs(0).source() == 1);
  CHECK(plan.operators(0).role() == weir::proto::SOURCE);
  CHECK(plan.warnings_size() == 0);
}

TEST_CASE(
    "plan_builder: an empty job, a loop, a loose end, a doubled uid and a wrong parallelism are sentences that name "
    "the operator") {
  CHECK(refusal(StreamGraph()).find("no operators") != std::string::npos);

  StreamGraph loose = source_to_sink();
  loose.operators.pop_back();
  CHECK(refusal(loose) ==
        "nothing consumes Source \"numbers\": end the stream with .sink_to(...); where "
        "the records are not wanted, with .sink_to(weir::connectors::DiscardSink<T>()) of weir/connectors/console.h");

  StreamGraph loop = source_to_sink();
  loop.operators[1].inputs[0].source = 2;
  CHECK(refusal(loop) ==
        "Sink \"nowhere\" reads from operator 2, which was not made before it: a job's graph has no loops");
  loop.operators[1].inputs[0].source = 77;
  CHECK(refusal(loop).find("no loops") != std::string::npos);
  loop.operators[1].inputs[0].source = 0;
  CHECK(refusal(loop).find("no loops") != std::string::npos);

  StreamGraph doubled = source_to_sink();
  doubled.operators[0].uid = doubled.operators[1].uid = "same";
  CHECK(refusal(doubled).find("uid \"same\"") != std::string::npos);

  StreamGraph wide = source_to_sink();
  wide.operators[1].parallelism = 40000;
  CHECK(refusal(wide).find("40000") != std::string::npos);

  StreamGraph above = source_to_sink();
  above.operators[0].parallelism = 4;
  above.operators[0].max_parallelism = 2;
  CHECK(refusal(above).find("4 > 2") != std::string::npos);
}

TEST_CASE("plan_builder: a stateful operator without uid is a warning") {
  StreamGraph graph = source_to_sink();
  graph.operators[0].stateful = true;
  weir::proto::Plan plan;
  REQUIRE(weir::build_plan(graph, plan).ok());
  REQUIRE(plan.warnings_size() == 1);
  CHECK(plan.warnings(0).find("\"numbers\"") != std::string::npos);
}
