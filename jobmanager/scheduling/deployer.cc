#include "jobmanager/scheduling/deployer.h"

#include <unordered_map>
#include <utility>

#include "common/base/ensure.h"
#include "common/plan/plan_codec.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

std::vector<TaskManagerTasks> by_task_manager(const plan::TaskTable& table, std::span<const plan::TaskIndex> tasks) {
  std::vector<TaskManagerTasks> dealt;
  std::unordered_map<std::uint32_t, std::size_t> position;  // by place
  for (const plan::TaskIndex& task : tasks) {
    const plan::PlacedTask& placed = table.at(task);
    ENSURE(!placed.execution.is_none(), "task {} of vertex {} has no place", task.subtask, task.vertex);
    const auto [found, fresh] = position.emplace(placed.place, dealt.size());
    if (fresh) dealt.push_back({table.places[placed.place].id, {}});
    dealt[found->second].tasks.push_back(task);
  }
  return dealt;
}

Deployer::Deployer(const plan::JobGraph& graph, const plan::TaskTable& table, const DeploymentTerms& terms)
    : shared_(std::make_unique<proto::DeployRequest>()) {
  shared_->set_job(terms.job.to_bytes());
  plan::encode_generation(terms.generation, *shared_->mutable_generation());
  auto& artefact = *shared_->mutable_artefact();
  artefact.set_blob_key(terms.artefact.blob_key);
  artefact.set_bytes(terms.artefact.bytes);
  artefact.set_file_name(terms.artefact.file_name);
  artefact.set_entry(terms.artefact.entry);
  for (const auto& argument : terms.artefact.arguments) artefact.add_arguments(argument);
  shared_->mutable_configuration()->insert(terms.configuration.begin(), terms.configuration.end());
  shared_->set_secret(terms.secret);
  shared_->set_blob_address(terms.blob_address);
  plan::encode_job_graph(graph, *shared_->mutable_graph());
  plan::encode_task_table(table, *shared_->mutable_table());
}

Deployer::~Deployer() = default;

proto::DeployRequest Deployer::request(const std::vector<plan::TaskIndex>& tasks) const {
  proto::DeployRequest request = *shared_;
  for (const plan::TaskRange& range : plan::ranges_of(tasks)) {
    auto& out = *request.add_tasks();
    out.set_vertex(range.vertex);
    out.set_first(range.first);
    out.set_last(range.last);
  }
  return request;
}

}  // namespace weir::jobmanager
