#include "common/plan/plan_codec.h"

#include <doctest/doctest.h>

#include <functional>

#include "common/plan/chaining.h"
#include "common/plan/fingerprint.h"
#include "common/plan/plan_frame.h"
#include "proto/plan.pb.h"
#include "tests/support/plans.h"

namespace weir::plan {
namespace {

proto::Plan message_of(const Plan& plan) {
  proto::Plan message;
  encode_plan(plan, message);
  return message;
}

Plan small_plan() {
  PlanBuilder builder("small");
  auto source = builder.source("lines");
  builder.sink("out", builder.map("m", source, Partitioner::hash));
  return builder.plan();
}

TEST_CASE("plan_codec: a plan comes back as it was, for random plans") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    Plan plan = random_plan(seed);
    plan.configuration["pipeline.name"] = "x";
    plan.warnings.push_back("careful");
    const proto::Plan message = message_of(plan);
    auto back = decode_plan(message);
    REQUIRE(back.ok());
    CHECK(message_of(*back).SerializeAsString() == message.SerializeAsString());
    CHECK(fingerprint(*back, "a") == fingerprint(plan, "a"));
  }
}

TEST_CASE("plan_codec: a job graph comes back as it was, for random plans") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    const Plan plan = random_plan(seed);
    auto graph = make_job_graph(plan, {});
    REQUIRE(graph.ok());
    graph->fingerprint = fingerprint(plan, "a");
    graph->operator_digests = operator_digests(plan);
    proto::JobGraph message, again;
    encode_job_graph(*graph, message);
    auto back = decode_job_graph(message);
    REQUIRE(back.ok());
    encode_job_graph(*back, again);
    CHECK(again.SerializeAsString() == message.SerializeAsString());
  }
}

TEST_CASE("plan_codec: a plan that breaks one promise is refused with a sentence that names the operator") {
  struct Case {
    const char* sentence;
    std::function<void(proto::Plan&)> damage;
  };
  const Case cases[] =
      {
          {"operator 9 stands at position 2", [](auto& p) { p.mutable_operators(1)->set_id(9); }},
          {"operator 2 reads from operator 2, which does not stand before it",
           [](auto& p) { p.mutable_operators(1)->mutable_inputs(0)->set_source(2); }},
          {"operator 1 reads from operator 2, which does not stand before it; a job's graph has no loops",
           [](auto& p) {
    p.mutable_operators(0)->set_role(proto::TRANSFORM);
    p.mutable_operators(0)->add_inputs()->set_source(2);
           }},
          {"operator 2 reads from operator 0",
           [](auto& p) { p.mutable_operators(1)->mutable_inputs(0)->set_source(0); }},
          {"operator 2 reads output 1 of operator 1, which has 1",
           [](auto& p) { p.mutable_operators(1)->mutable_inputs(0)->set_output(1); }},
          {"operator 2 has an input number 256",
           [](auto& p) {
    p.mutable_operators(1)->mutable_inputs(0)->set_input(256);
           }},
             {"unknown partitioner 99",
              [](auto& p) {
    p.mutable_operators(1)->mutable_inputs(0)->set_partitioner(static_cast<proto::Partitioner>(99));
              }},
      {"unknown role 0", [](auto& p) { p.mutable_operators(0)->set_role(proto::OPERATOR_ROLE_UNSPECIFIED); }},
      {"unknown role 77", [](auto& p) { p.mutable_operators(0)->set_role(static_cast<proto::OperatorRole>(77)); }},
      {"unknown chaining 5", [](auto& p) { p.mutable_operators(0)->set_chaining(static_cast<proto::Chaining>(5)); }},
      {"the parallelism of operator 1 must be 0 to 32768, is -1",
       [](auto& p) { p.mutable_operators(0)->set_parallelism(-1); }},
      {"the max parallelism of operator 1 must be 0 to 32768, is 32769",
       [](auto& p) { p.mutable_operators(0)->set_max_parallelism(32769); }},
      {"is a source and has an input", [](auto& p) { p.mutable_operators(1)->set_role(proto::SOURCE); }},
      {"has no input", [](auto& p) { p.mutable_operators(1)->clear_inputs(); }},
      {"a name of operator 1 is 5000 bytes long",
       [](auto& p) { p.mutable_operators(0)->set_name(std::string(5000, 'x')); }},
      {"the job's name is too long", [](auto& p) { p.set_job_name(std::string(5000, 'x')); }},
      {"the job's parallelism", [](auto& p) { p.set_parallelism(-3); }},
      {"fingerprint", [](auto& p) { p.set_fingerprint("short"); }},
      {"at most 4096 are taken",
       [](auto& p) {
    while (p.operators_size() < 5000) p.add_operators();
       }},
      };
  for (const auto& [sentence, damage] : cases) {
    proto::Plan message = message_of(small_plan());
    damage(message);
    auto plan = decode_plan(message);
    REQUIRE_MESSAGE(!plan.ok(), sentence);
    CHECK_MESSAGE(plan.error().message.find(sentence) != std::string::npos, plan.error().message);
  }
}

TEST_CASE("plan_codec: a job graph that names what is not there is refused") {
  auto graph = make_job_graph(small_plan(), {});
  REQUIRE(graph.ok());
  const std::function<void(proto::JobGraph&)> damages[] = {
      [](auto& g) { g.mutable_vertices(0)->set_id("x"); },
      [](auto& g) { g.mutable_vertices(1)->set_id(g.vertices(0).id()); },
      [](auto& g) { g.mutable_vertices(0)->set_parallelism(0); },
      [](auto& g) { g.mutable_vertices(0)->set_parallelism(129); },
      [](auto& g) { g.mutable_vertices(0)->clear_operators(); },
      [](auto& g) { g.mutable_edges(0)->set_id(3); },
      [](auto& g) { g.mutable_edges(0)->set_target_vertex(std::string(16, 'z')); },
      [](auto& g) { g.mutable_edges(0)->set_partitioner(static_cast<proto::Partitioner>(8)); },
      [](auto& g) { g.mutable_vertices(0)->set_max_parallelism(32769); },
  };
  for (const auto& damage : damages) {
    proto::JobGraph message;
    encode_job_graph(*graph, message);
    damage(message);
    CHECK(!decode_job_graph(message).ok());
  }
}

TEST_CASE("plan_codec: a job graph with a loop is refused with a sentence") {
  auto graph = make_job_graph(small_plan(), {.chaining = false});
  REQUIRE(graph.ok());
  proto::JobGraph message;
  encode_job_graph(*graph, message);
  auto& back = *message.add_edges();
  back = message.edges(0);
  back.set_id(static_cast<std::uint32_t>(message.edges_size() - 1));
  back.set_source_vertex(message.edges(0).target_vertex());
  back.set_target_vertex(message.edges(0).source_vertex());
  auto refused = decode_job_graph(message);
  REQUIRE(!refused.ok());
  CHECK_MESSAGE(refused.error().message.find("a job's graph has no loops") != std::string::npos,
                refused.error().message);
  back.set_target_vertex(back.source_vertex());
  CHECK(!decode_job_graph(message).ok());
}

TEST_CASE("plan_frame: a frame gives its plan back, and any other bytes a sentence") {
  auto frame = encode_plan_frame(message_of(small_plan()));
  REQUIRE(frame.ok());
  auto plan = decode_plan_frame(*frame);
  REQUIRE(plan.ok());
  CHECK(plan->job_name == "small");

  CHECK(decode_plan_frame("").error().message == "0 bytes came instead of a plan");
  CHECK(decode_plan_frame("hello").error().message == "5 bytes came instead of a plan");
  CHECK(!decode_plan_frame(std::string(1000, 'x')).ok());
  CHECK(!decode_plan_frame(*frame + "x").ok());
  for (std::size_t cut = 0; cut < frame->size(); ++cut) CHECK(!decode_plan_frame(frame->substr(0, cut)).ok());
  for (std::size_t at = 0; at < frame->size(); ++at) {
    std::string flipped = *frame;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    CHECK(!decode_plan_frame(flipped).ok());
  }
}

TEST_CASE("plan_frame: a planner's refusal comes as an error with its sentence, whatever bytes are in it") {
  auto refused = decode_plan_frame(encode_refusal_frame("no such entry: 'x'"));
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK(refused.error().message == "no such entry: 'x'");
  CHECK(decode_plan_frame(encode_refusal_frame("broken \xff")).error().message == "broken \xff");
}

TEST_CASE("fingerprint: every part of a plan counts, and so does the artefact") {
  const Plan plan = small_plan();
  const std::string base = fingerprint(plan, "key");
  CHECK(base.size() == 16);
  CHECK(fingerprint(plan, "other") != base);
  const std::function<void(Plan&)> changes[] = {
      [](Plan& p) { p.job_name = "other"; },
      [](Plan& p) { p.parallelism = 2; },
      [](Plan& p) { p.max_parallelism = 2; },
      [](Plan& p) { p.operators[1].name = "other"; },
      [](Plan& p) { p.operators[1].uid = "u"; },
      [](Plan& p) { p.operators[1].kind = "Filter"; },
      [](Plan& p) { p.operators[1].parallelism = 3; },
      [](Plan& p) { p.operators[1].max_parallelism = 3; },
      [](Plan& p) { p.operators[1].chaining = Chaining::head; },
      [](Plan& p) { p.operators[1].slot_sharing_group = "g"; },
      [](Plan& p) { p.operators[1].stateful = true; },
      [](Plan& p) { p.operators[1].inputs[0].partitioner = Partitioner::rebalance; },
      [](Plan& p) { p.operators[1].inputs[0].key_schema = "i32"; },
      [](Plan& p) { p.operators[1].inputs[0].strict = true; },
      [](Plan& p) { p.operators[1].outputs[0].schema = "{b:i64}"; },
      [](Plan& p) { p.operators[1].outputs[0].tag = "late"; },
  };
  for (const auto& change : changes) {
    Plan other = plan;
    change(other);
    CHECK(fingerprint(other, "key") != base);
  }
}

TEST_CASE("fingerprint: the first operator that differs is named") {
  const Plan plan = small_plan();
  const auto expected = operator_digests(plan);
  CHECK(!first_difference(expected, plan));
  Plan other = plan;
  other.operators[1].name = "renamed";
  CHECK(*first_difference(expected, other) == "operator 2 ('renamed') differs from the one in the submitted plan");
  other = plan;
  other.operators.pop_back();
  CHECK(*first_difference(expected, other) == "the submitted plan has 3 operators, the build function made 2");
  other = plan;
  other.operators.push_back(other.operators.back());
  CHECK(*first_difference(expected, other) == "operator 4 ('out') is not in the submitted plan");
}

}  // namespace
}  // namespace weir::plan
