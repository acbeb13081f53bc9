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

/// What the builder says about the first task of a vertex after `change`.
std::string refusal(std::uint32_t vertex, const std::function<void(plan::TaskTable&)>& change) {
  EngineCluster cluster({}, two_vertices);
  REQUIRE(cluster.start().ok());
  const StreamGraph graph = two_vertices();
  ExchangeRegistry registry;
  Waker waker;
  TaskBuilder builder(graph, cluster.job_graph(), {.task_manager_id = "tm-0", .slots = 2}, registry,
                      [&](std::uint32_t) -> Waker& { return waker; });
  plan::TaskTable table = cluster.table();
  change(table);
  const auto begun = builder.begin(std::make_shared<const plan::TaskTable>(std::move(table)));
  if (!begun.ok()) return begun.error().message;
  const auto built = builder.build({vertex, 0});
  return built.ok() ? "" : built.error().message;
}

}  // namespace

TEST_CASE("task_builder: a task that fits is made with its channels") {
  CHECK(refusal(0, [](auto&) {}) == "");
  CHECK(refusal(1, [](auto&) {}) == "");
}

TEST_CASE(
    "task_builder: of an all-to-all exchange, a task has one channel per peer, and peers elsewhere have no ring") {
  EngineCluster cluster({}, two_vertices);
  REQUIRE(cluster.start().ok());
  const StreamGraph graph = two_vertices();
  ExchangeRegistry registry;
  Waker waker;
  TaskBuilder builder(graph, cluster.job_graph(), {.task_manager_id = "tm-0", .slots = 2}, registry,
                      [&](std::uint32_t) -> Waker& { return waker; });
  plan::TaskTable table = cluster.table();
  table.places.push_back({*TaskManagerId::from_string("tm-9"), "host", 7});
  table.tasks[1][1].place = 1;
  table.tasks[1][1].slot = 77;  // as many slots as the other machine has
  REQUIRE(builder.begin(std::make_shared<const plan::TaskTable>(std::move(table))).ok());
  const auto built = builder.build({0, 0});
  REQUIRE(built.ok());
  const Peers& consumers = (*built)->outputs.at(0).consumers;
  REQUIRE(consumers.tasks.size() == 2);
  CHECK(consumers.tasks[0].local != nullptr);
  CHECK(consumers.tasks[1].local == nullptr);
  CHECK((*built)->outputs.at(0).partitioner.targets == 2);
}

TEST_CASE("task_builder: what does not fit the job is refused, naming what is wrong") {
  const std::string prefix = "the deployment does not fit the job: ";
  CHECK(refusal(7, [](auto&) {}) == prefix + "there is no subtask 0 of vertex 7");
  CHECK(refusal(0, [](auto& t) { t.tasks.pop_back(); }) == prefix + "a table of 1 vertices for 2");
  CHECK(refusal(0, [](auto& t) { t.tasks[0].pop_back(); }).find("1 tasks of 2 in") != std::string::npos);
  CHECK(refusal(0, [](auto& t) { t.tasks[0][0].execution = {}; }).find("has no place") != std::string::npos);
  CHECK(refusal(0, [](auto& t) { t.tasks[1][1].execution = {}; }).find("has no place") != std::string::npos);
  CHECK(refusal(1, [](auto& t) { t.tasks[0][1].execution = {}; }).find("has no place") != std::string::npos);
  CHECK(refusal(0, [](auto& t) { t.tasks[0][0].slot = 2; }).find("is in slot 2 of 2") != std::string::npos);
  CHECK(refusal(0, [](auto& t) { t.tasks[1][0].slot = 7; }).find("is in slot 7 of 2") != std::string::npos);
  CHECK(refusal(0, [](auto& t) {
          t.places.push_back({*TaskManagerId::from_string("tm-9"), "host", 7});
          t.tasks[0][0].place = 1;
        }).find("is not placed here") != std::string::npos);
}
