// A JobManager's control plane with TaskManagers that take any deployment, encoded as it would go over the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::sim {

/// What one wide job costs.
struct WideDeployment {
  std::size_t tasks = 0;
  std::size_t messages = 0;
  std::uint64_t bytes = 0;          ///< of all deploy messages
  std::uint64_t largest_bytes = 0;  ///< of one
  std::chrono::nanoseconds time{};  ///< from the plan to the last TaskManager's answer
  /// The longest time for which nothing else ran on the control thread.
  std::chrono::nanoseconds longest_stall{};
  bool is_running = false;
  bool is_canceled = false;  ///< in the end, after every TaskManager has confirmed it
};

/// Plans `source -> hash -> sink`, deploys it to simulated TaskManagers and cancels it.
WideDeployment deploy_wide(int parallelism, std::uint32_t slots_per_task_manager);

}  // namespace weir::sim
