#include "jobmanager/scheduling/deployer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "jobmanager/scheduling/exchange_pattern.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {
namespace {

using plan::Partitioner;

TEST_CASE("exchange_pattern: all to all but for forward and rescale") {
  for (auto partitioner : {Partitioner::hash, Partitioner::rebalance, Partitioner::broadcast, Partitioner::shuffle,
                           Partitioner::global, Partitioner::custom}) {
    CHECK(consumers_of(partitioner, 1, 3, 5) == SubtaskRange{0, 5});
    CHECK(producers_of(partitioner, 4, 3, 5) == SubtaskRange{0, 3});
  }
  CHECK(consumers_of(Partitioner::forward, 2, 4, 4) == SubtaskRange{2, 3});
  CHECK(producers_of(Partitioner::forward, 2, 4, 4) == SubtaskRange{2, 3});
  // As Flink deals them out.
  CHECK(consumers_of(Partitioner::rescale, 0, 2, 5) == SubtaskRange{0, 3});
  CHECK(consumers_of(Partitioner::rescale, 1, 2, 5) == SubtaskRange{3, 5});
  CHECK(producers_of(Partitioner::rescale, 0, 5, 2) == SubtaskRange{0, 2});
  CHECK(producers_of(Partitioner::rescale, 1, 5, 2) == SubtaskRange{2, 5});
}

TEST_CASE("exchange_pattern: rescale is the same relation from both ends, and everybody has a peer") {
  for (std::uint32_t producers = 1; producers <= 24; ++producers) {
    for (std::uint32_t consumers = 1; consumers <= 24; ++consumers) {
      INFO(producers << " to " << consumers);
      for (std::uint32_t p = 0; p < producers; ++p) {
        const SubtaskRange to = consumers_of(Partitioner::rescale, p, producers, consumers);
        CHECK(to.first < to.last);
        for (std::uint32_t c = 0; c < consumers; ++c) {
          const SubtaskRange from = producers_of(Partitioner::rescale, c, producers, consumers);
          CHECK(from.first < from.last);
          CHECK((c >= to.first && c < to.last) == (p >= from.first && p < from.last));
        }
      }
    }
  }
}

struct Deployed {
  plan::JobGraph graph;
  std::vector<std::vector<PlacedTask>> tasks;
  std::vector<Deployment> deployments;
};

/// Source x2 -hash-> Count x3 -forward-> Sink x3, subtask i in slot i; slots 0 and 1 on "a", slot 2 is slot 0 of "b".
Deployed deploy_three() {
  Deployed made;
  auto add = [&](int parallelism) {
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.parallelism = parallelism;
    made.graph.vertices.push_back(vertex);
    auto& tasks = made.tasks.emplace_back();
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(parallelism); ++i) {
      const bool on_a = i < 2;
      TaskManagerPlace place{*TaskManagerId::from_string(on_a ? "a" : "b"), on_a ? "host-a" : "host-b",
                             static_cast<std::uint16_t>(on_a ? 1001 : 1002)};
      tasks.push_back({ExecutionId::random(), 0, place, on_a ? i : 0});
    }
  };
  add(2);
  add(3);
  add(3);
  for (std::uint32_t i = 0; i < 2; ++i) {
    plan::JobEdge edge;
    edge.id = i;
    edge.source_vertex = made.graph.vertices[i].id;
    edge.target_vertex = made.graph.vertices[i + 1].id;
    edge.partitioner = i == 0 ? Partitioner::hash : Partitioner::forward;
    made.graph.edges.push_back(edge);
  }
  DeploymentTerms terms;
  terms.job = JobId::random();
  terms.artefact = {"abc", 7, "job.so", "main", {"--x", "1"}};
  terms.configuration = {{"pipeline.name", "n"}};
  terms.secret = std::string(32, 's');
  terms.blob_address = "jm:6124";
  made.deployments = make_deployments(made.graph, made.tasks, terms);
  return made;
}

TEST_CASE("deployer: one message per TaskManager with its tasks and what they all are told") {
  Deployed made = deploy_three();
  REQUIRE(made.deployments.size() == 2);
  CHECK(made.deployments[0].task_manager.to_string() == "a");
  CHECK(made.deployments[0].request->tasks_size() == 6);
  CHECK(made.deployments[1].request->tasks_size() == 2);
  for (const auto& deployment : made.deployments) {
    CHECK(deployment.request->secret().size() == 32);
    CHECK(deployment.request->artefact().arguments_size() == 2);
    CHECK(deployment.request->configuration().at("pipeline.name") == "n");
    CHECK(deployment.request->graph().vertices_size() == 3);
    CHECK(deployment.request->blob_address() == "jm:6124");
  }
}

TEST_CASE("deployer: both ends of every channel name each other, with place and slot") {
  Deployed made = deploy_three();
  std::vector<std::string> outgoing, incoming;
  for (const auto& deployment : made.deployments) {
    for (const auto& task : deployment.request->tasks()) {
      for (const auto& output : task.outputs()) {
        for (const auto& peer : output.consumers()) {
          outgoing.push_back(std::to_string(output.edge()) + task.address().execution() + peer.task().execution());
          CHECK(peer.place().host() == (peer.place().task_manager_id() == "a" ? "host-a" : "host-b"));
          CHECK(peer.place().slot() == (peer.task().subtask() < 2 ? peer.task().subtask() : 0));
        }
      }
      for (const auto& input : task.inputs()) {
        for (const auto& peer : input.producers()) {
          incoming.push_back(std::to_string(input.edge()) + peer.task().execution() + task.address().execution());
          CHECK(peer.place().data_port() == (peer.place().task_manager_id() == "a" ? 1001u : 1002u));
        }
      }
    }
  }
  std::sort(outgoing.begin(), outgoing.end());
  std::sort(incoming.begin(), incoming.end());
  CHECK(outgoing == incoming);
  CHECK(outgoing.size() == 2 * 3 + 3);
}

}  // namespace
}  // namespace weir::jobmanager
