#include "jobmanager/scheduling/deployer.h"

#include <utility>

#include "common/plan/plan_codec.h"
#include "jobmanager/scheduling/exchange_pattern.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

void fill(const plan::JobVertex& vertex, std::uint32_t subtask, const PlacedTask& task, proto::TaskAddress& out) {
  out.set_vertex(vertex.id.to_bytes());
  out.set_subtask(subtask);
  out.set_attempt(task.attempt);
  out.set_execution(task.execution.to_bytes());
}

/// Makes descriptors; holds what they all need.
class DescriptorMaker {
 public:
  DescriptorMaker(const plan::JobGraph& graph, const std::vector<std::vector<PlacedTask>>& tasks)
      : graph_(graph), tasks_(tasks) {}

  void make(std::uint32_t vertex, std::uint32_t subtask, proto::TaskDescriptor& out) const {
    const PlacedTask& task = tasks_[vertex][subtask];
    fill(graph_.vertices[vertex], subtask, task, *out.mutable_address());
    out.set_slot(task.slot);
    for (const auto& edge : graph_.edges) {
      const std::size_t source = graph_.index_of(edge.source_vertex), target = graph_.index_of(edge.target_vertex);
      const auto producers = static_cast<std::uint32_t>(tasks_[source].size());
      const auto consumers = static_cast<std::uint32_t>(tasks_[target].size());
      if (target == vertex) {
        auto& input = *out.add_inputs();
        input.set_edge(edge.id);
        const SubtaskRange range = producers_of(edge.partitioner, subtask, producers, consumers);
        for (std::uint32_t peer = range.first; peer < range.last; ++peer)
          add_peer(source, peer, *input.add_producers());
      }
      if (source == vertex) {
        auto& output = *out.add_outputs();
        output.set_edge(edge.id);
        const SubtaskRange range = consumers_of(edge.partitioner, subtask, producers, consumers);
        for (std::uint32_t peer = range.first; peer < range.last; ++peer)
          add_peer(target, peer, *output.add_consumers());
      }
    }
  }

 private:
  void add_peer(std::size_t vertex, std::uint32_t subtask, proto::ChannelPeer& out) const {
    const PlacedTask& task = tasks_[vertex][subtask];
    fill(graph_.vertices[vertex], subtask, task, *out.mutable_task());
    auto& place = *out.mutable_place();
    place.set_task_manager_id(task.place.id.to_string());
    place.set_host(task.place.host);
    place.set_data_port(task.place.data_port);
    place.set_slot(task.slot);
  }

  const plan::JobGraph& graph_;
  const std::vector<std::vector<PlacedTask>>& tasks_;
};

std::unique_ptr<proto::DeployRequest> make_request(const plan::JobGraph& graph, const DeploymentTerms& terms) {
  auto request = std::make_unique<proto::DeployRequest>();
  request->set_job(terms.job.to_bytes());
  auto& artefact = *request->mutable_artefact();
  artefact.set_blob_key(terms.artefact.blob_key);
  artefact.set_bytes(terms.artefact.bytes);
  artefact.set_file_name(terms.artefact.file_name);
  artefact.set_entry(terms.artefact.entry);
  for (const auto& argument : terms.artefact.arguments) artefact.add_arguments(argument);
  request->mutable_configuration()->insert(terms.configuration.begin(), terms.configuration.end());
  request->set_secret(terms.secret);
  request->set_blob_address(terms.blob_address);
  plan::encode_job_graph(graph, *request->mutable_graph());
  return request;
}

}  // namespace

Deployment::Deployment(TaskManagerId to, std::unique_ptr<proto::DeployRequest> message)
    : task_manager(std::move(to)), request(std::move(message)) {}
Deployment::Deployment(Deployment&&) noexcept = default;
Deployment::~Deployment() = default;

std::vector<Deployment> make_deployments(const plan::JobGraph& graph, const std::vector<std::vector<PlacedTask>>& tasks,
                                         const DeploymentTerms& terms) {
  std::vector<Deployment> deployments;
  std::map<TaskManagerId, std::size_t> by_task_manager;
  const DescriptorMaker maker(graph, tasks);
  for (std::uint32_t vertex = 0; vertex < tasks.size(); ++vertex) {
    for (std::uint32_t subtask = 0; subtask < tasks[vertex].size(); ++subtask) {
      const TaskManagerId& id = tasks[vertex][subtask].place.id;
      auto [found, fresh] = by_task_manager.emplace(id, deployments.size());
      if (fresh) deployments.emplace_back(id, make_request(graph, terms));
      maker.make(vertex, subtask, *deployments[found->second].request->add_tasks());
    }
  }
  return deployments;
}

}  // namespace weir::jobmanager
