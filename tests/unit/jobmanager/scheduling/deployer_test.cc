#include "jobmanager/scheduling/deployer.h"

#include <doctest/doctest.h>

#include "proto/task_manager.pb.h"

namespace weir::jobmanager {
namespace {

using plan::Partitioner;
using plan::TaskIndex;

/// Source -hash-> Count, as wide as wanted, `slots` tasks of each on one TaskManager.
struct Wide {
  Wide(std::uint32_t parallelism, std::uint32_t slots) {
    for (const char* name : {"source", "count"}) {
      plan::JobVertex vertex;
      vertex.id = VertexId::random();
      vertex.name = name;
      vertex.parallelism = static_cast<int>(parallelism);
      graph.vertices.push_back(vertex);
      auto& tasks = table.tasks.emplace_back();
      for (std::uint32_t i = 0; i < parallelism; ++i) tasks.push_back({ExecutionId::random(), 0, i / slots, i % slots});
    }
    for (std::uint32_t i = 0; i * slots < parallelism; ++i)
      table.places.push_back({*TaskManagerId::from_string("tm" + std::to_string(i)), "host", 1001});
    plan::JobEdge edge;
    edge.source_vertex = graph.vertices[0].id;
    edge.target_vertex = graph.vertices[1].id;
    edge.partitioner = Partitioner::hash;
    graph.edges.push_back(edge);
    terms.job = JobId::random();
    terms.generation = {3, 2};
    terms.artefact = {"abc", 7, "job.so", "main", {"--x", "1"}};
    terms.configuration = {{"pipeline.name", "n"}};
    terms.secret = std::string(32, 's');
    terms.blob_address = "jm:6124";
  }
  std::vector<TaskIndex> all() const {
    std::vector<TaskIndex> tasks;
    for (std::uint32_t v = 0; v < table.tasks.size(); ++v) {
      for (std::uint32_t s = 0; s < table.tasks[v].size(); ++s) tasks.push_back({v, s});
    }
    return tasks;
  }

  plan::JobGraph graph;
  plan::TaskTable table;
  DeploymentTerms terms;
};

TEST_CASE("deployer: tasks are dealt to the TaskManagers that they are placed on") {
  const Wide wide(5, 2);
  const auto dealt = by_task_manager(wide.table, wide.all());
  REQUIRE(dealt.size() == 3);
  CHECK(dealt[0].task_manager.to_string() == "tm0");
  CHECK(dealt[0].tasks == std::vector<TaskIndex>{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  CHECK(dealt[2].tasks == std::vector<TaskIndex>{{0, 4}, {1, 4}});
  const std::vector<TaskIndex> some{{1, 3}};
  const auto one = by_task_manager(wide.table, some);
  REQUIRE(one.size() == 1);
  CHECK(one[0].task_manager.to_string() == "tm1");
}

TEST_CASE("deployer: a message has what all tasks are told, the place of every task, and its own tasks as ranges") {
  const Wide wide(5, 2);
  const Deployer deployer(wide.graph, wide.table, wide.terms);
  const proto::DeployRequest request = deployer.request({{1, 1}, {0, 0}, {0, 1}});
  CHECK(request.job() == wide.terms.job.to_bytes());
  CHECK(plan::decode_generation(request.generation()) == plan::Generation{3, 2});
  CHECK(request.secret().size() == 32);
  CHECK(request.artefact().arguments_size() == 2);
  CHECK(request.configuration().at("pipeline.name") == "n");
  CHECK(request.graph().vertices_size() == 2);
  CHECK(request.blob_address() == "jm:6124");
  const auto table = plan::decode_task_table(request.table());
  REQUIRE(table.ok());
  CHECK(table->places == wide.table.places);
  CHECK(table->tasks == wide.table.tasks);
  REQUIRE(request.tasks_size() == 2);
  CHECK(plan::decode_task_range(request.tasks(0)) == plan::TaskRange{0, 0, 2});
  CHECK(plan::decode_task_range(request.tasks(1)) == plan::TaskRange{1, 1, 2});
}

TEST_CASE("deployer: twice as many tasks make a message twice as long, though they have four times the channels") {
  const Wide narrow(200, 200), wide(400, 400);
  const auto bytes = [](const Wide& of) {
    return Deployer(of.graph, of.table, of.terms).request(of.all()).ByteSizeLong();
  };
  CHECK(bytes(wide) < 2 * bytes(narrow) + 1000);
  CHECK(bytes(wide) < 400 * 2 * 24 + 1000);
}

}  // namespace
}  // namespace weir::jobmanager
