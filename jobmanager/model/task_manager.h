// TaskManagers as the JobManager knows them. Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "common/plan/deployment.h"

namespace weir::jobmanager {

/// What a TaskManager said of itself when it registered.
struct TaskManagerDescription {
  TaskManagerId id;
  Incarnation incarnation;
  std::string host;  ///< advertised
  std::uint16_t rpc_port = 0;
  std::uint16_t data_port = 0;
  std::uint32_t slots = 0;
  std::uint32_t cpu_cores = 0;
  std::uint64_t physical_memory_bytes = 0;
  std::uint64_t process_bytes = 0;
  std::uint64_t network_bytes = 0;
  std::uint64_t managed_bytes = 0;
  std::uint64_t user_bytes = 0;  ///< what user code may take
};

using plan::TaskManagerPlace;

/// A registered TaskManager at one moment.
struct TaskManagerDetails {
  TaskManagerDescription description;
  WallTime last_heartbeat{};
  std::uint64_t resident_bytes = 0;           ///< of the daemon and its workers, from its last heartbeat
  std::vector<std::optional<JobId>> holders;  ///< the job that has each slot; none for a free slot
};

}  // namespace weir::jobmanager
