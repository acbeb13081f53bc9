// Where a task can run.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"

namespace weir::jobmanager {

/// One slot of one TaskManager.
struct SlotAddress {
  TaskManagerId task_manager;
  std::uint32_t slot = 0;  ///< from 0
  friend auto operator<=>(const SlotAddress&, const SlotAddress&) = default;
};

/// What one TaskManager has to offer now.
struct FreeSlots {
  TaskManagerId task_manager;
  std::uint32_t total = 0;
  std::vector<std::uint32_t> free;  ///< ascending
};

/// Where a TaskManager is reached by the peers of its tasks.
struct TaskManagerPlace {
  TaskManagerId id;
  std::string host;
  std::uint16_t data_port = 0;
};

}  // namespace weir::jobmanager
