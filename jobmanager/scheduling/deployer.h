// From placed tasks to the messages that start them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/plan/deployment.h"
#include "common/plan/job_graph.h"

namespace weir::proto {
class DeployRequest;
}

namespace weir::jobmanager {

/// How the code of a job is found and what it is started with.
struct Artefact {
  std::string blob_key;  ///< hex SHA-256
  std::uint64_t bytes = 0;
  std::string file_name;  ///< for people
  std::string entry;
  std::vector<std::string> arguments;
};

/// What all tasks of a job are told alike.
struct DeploymentTerms {
  JobId job;
  plan::Generation generation;
  Artefact artefact;
  std::map<std::string, std::string> configuration;
  std::string secret;        ///< 32 bytes
  std::string blob_address;  ///< host:port
};

/// Some tasks that run on one TaskManager.
struct TaskManagerTasks {
  TaskManagerId task_manager;
  std::vector<plan::TaskIndex> tasks;
};

/// Deals tasks to the TaskManagers that they are placed on, which stand in the order of their first task.
/// ENSUREs that every task has a place.
std::vector<TaskManagerTasks> by_task_manager(const plan::TaskTable& table, std::span<const plan::TaskIndex> tasks);

/// The messages of one deployment. What they share, the table of all tasks among it, is made once; a message adds the
/// ranges of its tasks. So all messages together take (TaskManagers x tasks) small entries, whatever the exchanges.
/// Lives on: any thread (pure).
class Deployer {
 public:
  Deployer(const plan::JobGraph& graph, const plan::TaskTable& table, const DeploymentTerms& terms);
  ~Deployer();

  /// The message for a TaskManager that is to run these tasks.
  proto::DeployRequest request(const std::vector<plan::TaskIndex>& tasks) const;

 private:
  std::unique_ptr<proto::DeployRequest> shared_;
};

}  // namespace weir::jobmanager
