// Where a task can run.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "common/base/ids.h"
#include "jobmanager/model/task_manager.h"

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
  bool is_avoided = false;          ///< taken only where nobody else has one
};

}  // namespace weir::jobmanager
