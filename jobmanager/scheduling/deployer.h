// From placed tasks to the messages that start them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/plan/job_graph.h"
#include "jobmanager/cluster/slot.h"

namespace weir::proto {
class DeployRequest;
}

namespace weir::jobmanager {

/// One attempt of one task and the slot that it got.
struct PlacedTask {
  ExecutionId execution;
  std::uint32_t attempt = 0;
  TaskManagerPlace place;
  std::uint32_t slot = 0;
};

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
  Artefact artefact;
  std::map<std::string, std::string> configuration;
  std::string secret;        ///< 32 bytes
  std::string blob_address;  ///< host:port
};

/// The message for one TaskManager.
struct Deployment {
  Deployment(TaskManagerId to, std::unique_ptr<proto::DeployRequest> message);
  Deployment(Deployment&&) noexcept;
  ~Deployment();

  TaskManagerId task_manager;
  std::unique_ptr<proto::DeployRequest> request;
};

/// One message per TaskManager, each with the descriptors of its tasks: slot, and per exchange the peers in subtask
/// order. Lives on: any thread (pure).
/// @param tasks   by vertex of `graph` and subtask
std::vector<Deployment> make_deployments(const plan::JobGraph& graph, const std::vector<std::vector<PlacedTask>>& tasks,
                                         const DeploymentTerms& terms);

}  // namespace weir::jobmanager
