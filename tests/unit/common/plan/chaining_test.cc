#include "common/plan/chaining.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/support/plans.h"

namespace weir::plan {
namespace {

JobGraph graph_of(const Plan& plan, GraphSettings settings = {}) {
  auto graph = make_job_graph(plan, settings);
  REQUIRE_MESSAGE(graph.ok(), (graph.ok() ? "" : graph.error().message));
  return *graph;
}

std::string refusal(const Plan& plan, GraphSettings settings = {}) {
  auto graph = make_job_graph(plan, settings);
  REQUIRE(!graph.ok());
  CHECK(graph.error().code == ErrorCode::invalid_argument);
  return graph.error().message;
}

TEST_CASE("chaining: forward operators of one parallelism are one vertex, and a hash exchange begins another") {
  PlanBuilder builder("words");
  auto lines = builder.source("lines");
  auto parse = builder.map("Map", lines);
  auto count = builder.map("Keyed Process", parse, Partitioner::hash);
  builder.sink("out", count);
  JobGraph graph = graph_of(builder.plan(), {.default_parallelism = 2});

  REQUIRE(graph.vertices.size() == 2);
  CHECK(graph.vertices[0].name == "Source: lines -> Map");
  CHECK(graph.vertices[1].name == "Keyed Process -> Sink: out");
  CHECK(graph.vertices[1].operators == std::vector<std::uint32_t>{3, 4});
  CHECK(graph.vertices[0].parallelism == 2);
  CHECK(graph.vertices[0].max_parallelism == 128);
  REQUIRE(graph.edges.size() == 1);
  CHECK(graph.edges[0].source_operator == 2);
  CHECK(graph.edges[0].target_operator == 3);
  CHECK(graph.edges[0].source_vertex == graph.vertices[0].id);
  CHECK(graph.edges[0].target_vertex == graph.vertices[1].id);
  CHECK(graph.edges[0].partitioner == Partitioner::hash);
  CHECK(graph.edges[0].schema_id == 1);
}

TEST_CASE("make_job_graph: every operator of a chain has an id of its own, of its uid where it has one") {
  PlanBuilder builder("ids");
  auto lines = builder.source("lines");
  auto parse = builder.map("Map", lines);
  builder.sink("out", parse);
  builder.at(parse).uid = "parse";
  const JobGraph graph = graph_of(builder.plan());
  REQUIRE(graph.vertices.size() == 1);
  const auto& ids = graph.vertices[0].operator_ids;
  REQUIRE(ids.size() == 3);
  CHECK(std::set<OperatorId>(ids.begin(), ids.end()).size() == 3);
  CHECK(graph.vertices[0].id == VertexId(ids[0].bytes()));

  // A uid keeps its id wherever the operator stands; without one, position and kind make it, whatever the name.
  PlanBuilder changed("ids");
  auto renamed = changed.source("other name");
  auto filter = changed.map("Filter", renamed);
  auto again = changed.map("Map", filter);
  changed.sink("out", again);
  changed.at(again).uid = "parse";
  const auto other = graph_of(changed.plan()).vertices[0].operator_ids;
  CHECK(other[2] == ids[1]);
  CHECK(other[0] == ids[0]);
  CHECK(other[3] != ids[2]);
  // One that was stored stays, whatever a later version would compute.
  changed.at(again).stable_id = OperatorId::random();
  CHECK(graph_of(changed.plan()).vertices[0].operator_ids[2] == changed.at(again).stable_id);
}

TEST_CASE("make_job_graph: a blocking exchange is refused with the operator behind it") {
  PlanBuilder builder("blocking");
  auto lines = builder.source("lines");
  auto sink = builder.sink("out", lines);
  builder.at(sink).inputs[0].mode = ExchangeMode::blocking;
  CHECK(refusal(builder.plan()).find("the exchange in front of 'Sink: out' is blocking") != std::string::npos);
}

TEST_CASE("make_job_graph: a batch job is one whose sources all end, where somebody wants one") {
  for (bool has_end : {true, false}) {
    PlanBuilder builder("modes");
    auto files = builder.source("files");
    auto topic = builder.source("topic");
    builder.sink("a", files);
    builder.sink("b", topic);
    builder.at(files).bounded = true;
    builder.at(topic).bounded = has_end;
    CHECK_FALSE(graph_of(builder.plan(), {.mode = RuntimeMode::streaming}).is_batch);
    CHECK(graph_of(builder.plan(), {.mode = RuntimeMode::automatic}).is_batch == has_end);
    if (has_end) {
      CHECK(graph_of(builder.plan(), {.mode = RuntimeMode::batch}).is_batch);
    } else {
      CHECK(refusal(builder.plan(), {.mode = RuntimeMode::batch}) ==
            "source 'topic' has no end, and a job with execution.runtime-mode BATCH takes only sources that have one: "
            "set it to STREAMING or AUTOMATIC");
    }
  }
}

TEST_CASE("chaining: a chain with branches is a tree in its name and its description") {
  PlanBuilder builder("tree");
  auto source = builder.source("lines");
  builder.sink("a", source);
  auto filter = builder.map("Filter", source);
  builder.sink("b", filter);
  JobGraph graph = graph_of(builder.plan());
  REQUIRE(graph.vertices.size() == 1);
  CHECK(graph.vertices[0].name == "Source: lines -> (Sink: a, Filter -> Sink: b)");
  CHECK(chain_description(builder.plan(), graph.vertices[0].operators) ==
        "Source: lines\n:- Sink: a\n+- Filter\n   +- Sink: b\n");
}

TEST_CASE("chaining: each of Flink's conditions breaks a chain by itself") {
  auto two = [](auto&& change, GraphSettings settings = {}) {
    PlanBuilder builder("two");
    auto source = builder.source("s");
    auto map = builder.map("m", source);
    change(builder, source, map);
    return graph_of(builder.plan(), settings).vertices.size();
  };
  CHECK(two([](auto&, auto, auto) {}) == 1);
  CHECK(two([](auto& b, auto, auto map) { b.at(map).chaining = Chaining::head; }) == 2);
  CHECK(two([](auto& b, auto, auto map) { b.at(map).chaining = Chaining::never; }) == 2);
  CHECK(two([](auto& b, auto source, auto) { b.at(source).chaining = Chaining::never; }) == 2);
  CHECK(two([](auto& b, auto source, auto) { b.at(source).chaining = Chaining::head; }) == 1);
  CHECK(two([](auto& b, auto, auto map) { b.at(map).parallelism = 3; }) == 2);
  CHECK(two([](auto& b, auto, auto map) { b.at(map).slot_sharing_group = "other"; }) == 2);
  CHECK(two([](auto& b, auto, auto map) { b.at(map).inputs[0].partitioner = Partitioner::rebalance; }) == 2);
  CHECK(two([](auto& b, auto source, auto map) { b.connect(source, map); }) == 2);
  CHECK(two([](auto&, auto, auto) {}, {.chaining = false}) == 2);
}

TEST_CASE("chaining: forward between different parallelisms becomes rebalance, between equal ones it stays") {
  PlanBuilder builder("job");
  auto source = builder.source("s", 1);
  auto wide = builder.map("wide", source, Partitioner::forward, 4);
  auto apart = builder.map("apart", wide, Partitioner::forward, 4);
  builder.at(apart).chaining = Chaining::head;
  JobGraph graph = graph_of(builder.plan());
  REQUIRE(graph.edges.size() == 2);
  CHECK(graph.edges[0].partitioner == Partitioner::rebalance);
  CHECK(graph.edges[1].partitioner == Partitioner::forward);
}

TEST_CASE(
    "chaining: forward that was asked for by name is refused between different parallelisms, and chains between equal "
    "ones") {
  PlanBuilder builder("strict");
  auto lines = builder.source("lines", 2);
  auto map = builder.map("Map", lines, Partitioner::forward, 2);
  builder.at(map).inputs.front().strict = true;
  CHECK(graph_of(builder.plan()).vertices.size() == 1);
  builder.at(map).parallelism = 3;
  CHECK(refusal(builder.plan()) ==
        "forward() does not allow a change of parallelism: 'Source: lines' has 2, 'Map' behind it has 3; use "
        "rebalance(), rescale(), shuffle(), "
        "broadcast() or global()");
}

TEST_CASE("parallelism: the operator's own, then the job's, then the submission's, then the cluster's") {
  PlanBuilder builder("job");
  builder.source("own", 7);
  builder.source("inherited");
  GraphSettings settings{.submission_parallelism = 3, .default_parallelism = 2};
  CHECK(resolve_parallelism(builder.plan(), {.default_parallelism = 2}) == std::vector<int>{7, 2});
  CHECK(resolve_parallelism(builder.plan(), settings) == std::vector<int>{7, 3});
  builder.plan().parallelism = 5;
  CHECK(resolve_parallelism(builder.plan(), settings) == std::vector<int>{7, 5});
}

TEST_CASE("max parallelism: by Flink's formula where nobody asks for one") {
  const std::map<int, int> expected{{1, 128},   {85, 128},        {86, 256},        {128, 256},      {171, 256},
                                    {172, 512}, {10'000, 16'384}, {20'000, 32'768}, {32'768, 32'768}};
  for (auto [parallelism, groups] : expected) CHECK(default_max_parallelism(parallelism) == groups);
}

TEST_CASE("max parallelism: the head's own, then the smallest in the chain, then the job's, then the configuration's") {
  PlanBuilder builder("job");
  auto source = builder.source("s");
  auto a = builder.map("a", source);
  auto b = builder.map("b", a);
  auto groups = [&](GraphSettings settings) { return graph_of(builder.plan(), settings).vertices[0].max_parallelism; };
  CHECK(groups({.default_max_parallelism = 40}) == 40);
  builder.plan().max_parallelism = 50;
  CHECK(groups({.default_max_parallelism = 40}) == 50);
  builder.at(a).max_parallelism = 70;
  builder.at(b).max_parallelism = 60;
  CHECK(groups({}) == 60);
  builder.at(source).max_parallelism = 80;
  CHECK(groups({}) == 80);
}

TEST_CASE("vertex ids: a uid keeps its id when the job around it changes, and names decide nothing then") {
  PlanBuilder before("job");
  before.at(before.source("one")).uid = "input";
  PlanBuilder after("job");
  after.source("new");
  after.at(after.source("renamed")).uid = "input";
  CHECK(graph_of(before.plan()).vertices[0].id == graph_of(after.plan()).vertices[1].id);
  CHECK(graph_of(after.plan()).vertices[0].id != graph_of(after.plan()).vertices[1].id);
}

TEST_CASE("make_job_graph: refuses what can't run with a sentence that names it") {
  CHECK(refusal(Plan{}) == "the job has no operators: its build function made no stream");

  PlanBuilder twice("job");
  twice.at(twice.source("one")).uid = "same";
  twice.at(twice.source("two")).uid = "same";
  CHECK(refusal(twice.plan()) ==
        "two operators have the uid 'same': 'one' and 'two'; a uid names one operator of a job");

  PlanBuilder wide("job");
  wide.at(wide.source("s", 9)).max_parallelism = 8;
  CHECK(refusal(wide.plan()).find("operator 's': its parallelism 9 is above its max parallelism 8") == 0);

  PlanBuilder huge("job");
  huge.source("s");
  CHECK(refusal(huge.plan(), {.submission_parallelism = 40'000}).find("at most 32768") != std::string::npos);

  PlanBuilder many("job");
  for (int i = 0; i < 10; ++i) many.source("s" + std::to_string(i), 30'000);
  CHECK(refusal(many.plan()) == "the job has 300000 tasks, more than the limit of 200000");
}

TEST_CASE(
    "make_job_graph: for random plans, every operator is in one chain and every plan edge is a call or an exchange") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    const Plan plan = random_plan(seed);
    const GraphSettings settings{.default_parallelism = 2};
    const JobGraph graph = graph_of(plan, settings);
    const auto parallelism = resolve_parallelism(plan, settings);

    std::map<std::uint32_t, std::size_t> place;
    std::set<VertexId> ids;
    for (std::size_t v = 0; v < graph.vertices.size(); ++v) {
      const auto& vertex = graph.vertices[v];
      CHECK(ids.insert(vertex.id).second);
      CHECK(vertex.parallelism <= vertex.max_parallelism);
      for (std::size_t i = 0; i < vertex.operators.size(); ++i) {
        const auto& planned = plan.operator_by_id(vertex.operators[i]);
        CHECK(place.emplace(planned.id, v).second);
        CHECK(parallelism[planned.id - 1] == vertex.parallelism);
        CHECK(planned.slot_sharing_group == vertex.slot_sharing_group);
        // A tree: whoever is not the head has one input, from earlier in the chain.
        if (i > 0) CHECK((planned.inputs.size() == 1 && place.at(planned.inputs[0].source) == v));
      }
    }
    CHECK(place.size() == plan.operators.size());
    std::size_t calls = 0, inputs = 0;
    for (const auto& planned : plan.operators) {
      inputs += planned.inputs.size();
      if (graph.vertices[place[planned.id]].operators.front() != planned.id) ++calls;
    }
    CHECK(calls + graph.edges.size() == inputs);
    for (const auto& edge : graph.edges) {
      CHECK(graph.index_of(edge.source_vertex) < graph.index_of(edge.target_vertex));
      CHECK(graph.find(edge.target_vertex)->operators.front() == edge.target_operator);
      CHECK(place[edge.source_operator] == graph.index_of(edge.source_vertex));
      if (edge.partitioner == Partitioner::forward) {
        CHECK(graph.find(edge.source_vertex)->parallelism == graph.find(edge.target_vertex)->parallelism);
      }
    }
  }
}

}  // namespace
}  // namespace weir::plan
