#include "taskmanager/worker/task_builder.h"

#include <doctest/doctest.h>

#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

StreamGraph two_vertices() {
  RowGraph rows;
  const auto source = rows.source(
      2, [] { return std::make_unique<RowSource>(1, 1, [](std::uint32_t, std::uint64_t) { return Row{}; }); });
  rows.sink(2, {source}, PartitionerKind::hash, [] { return std::make_unique<RowMap>([](Row&) {}); });
  return rows.graph();
}

/// What the builder says about a descriptor after `change`.
std::string refusal(std::size_t vertex, const std::function<void(proto::TaskDescriptor&)>& change) {
  EngineCluster cluster({}, two_vertices);
  REQUIRE(cluster.start().ok());
  const StreamGraph graph = two_vertices();
  ExchangeRegistry registry;
  Waker waker;
  TaskBuilder builder(graph, cluster.job_graph(), {.task_manager_id = "tm-0", .slots = 2}, registry,
                      [&](std::uint32_t) -> Waker& { return waker; });
  auto descriptor = cluster.descriptor(vertex, 0);
  change(descriptor);
  const auto built = builder.build(descriptor);
  return built.ok() ? "" : built.error().message;
}

}  // namespace

TEST_CASE("task_builder: a descriptor that fits makes a task with its channels") {
  CHECK(refusal(0, [](auto&) {}) == "");
  CHECK(refusal(1, [](auto&) {}) == "");
}

TEST_CASE("task_builder: a descriptor that does not fit the job is refused, naming what is wrong") {
  const std::string prefix = "the deployment does not fit the job: ";
  CHECK(refusal(0, [](auto& d) { d.mutable_address()->set_vertex(std::string(16, 'x')); }).find("there is no vertex") !=
        std::string::npos);
  CHECK(refusal(0, [](auto& d) { d.mutable_address()->set_vertex("short"); }) != "");
  CHECK(refusal(0, [](auto& d) { d.mutable_address()->set_subtask(2); }).find("subtask 2 of 2") != std::string::npos);
  CHECK(refusal(0, [](auto& d) { d.mutable_address()->set_execution("x"); }) != "");
  CHECK(refusal(0, [](auto& d) { d.set_slot(2); }) == prefix + "slot 2 of 2");
  CHECK(refusal(0, [](auto& d) { d.clear_outputs(); }).find("0 outputs of 1") != std::string::npos);
  CHECK(refusal(0, [](auto& d) { d.mutable_outputs(0)->set_edge(9); }) == prefix + "there is no edge 9");
  CHECK(refusal(0, [](auto& d) { d.mutable_outputs(0)->mutable_consumers()->RemoveLast(); }).find("1 consumers of 2") !=
        std::string::npos);
  CHECK(refusal(0, [](auto& d) {
          d.mutable_outputs(0)->mutable_consumers(0)->mutable_task()->set_vertex(d.address().vertex());
        }).find("is of another vertex") != std::string::npos);
  CHECK(refusal(0, [](auto& d) { d.mutable_outputs(0)->mutable_consumers(0)->mutable_place()->set_slot(7); }) ==
        prefix + "slot 7 of 2");
  CHECK(refusal(1, [](auto& d) { d.clear_inputs(); }).find("0 inputs of 1") != std::string::npos);
  CHECK(refusal(1, [](auto& d) { d.mutable_inputs(0)->clear_producers(); }).find("has no producers") !=
        std::string::npos);
  CHECK(refusal(1, [](auto& d) { d.mutable_inputs(0)->mutable_producers(0)->mutable_task()->set_execution(""); }) !=
        "");
  CHECK(refusal(1, [](auto& d) {
          d.mutable_inputs(0)->mutable_producers(0)->mutable_place()->set_data_port(70'000);
        }) != "");
}
