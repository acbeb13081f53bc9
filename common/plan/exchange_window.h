// How much memory a job's exchanges take, and how many blocks a channel may have on their way for it. Pure.
#pragma once

#include <cstdint>

#include "common/plan/job_graph.h"
#include "weir/block.h"

namespace weir::plan {

/// Memory of one block of the usual size, header included.
inline constexpr std::uint64_t kBlockBytes = sizeof(Block) + kBlockCapacity;
inline constexpr std::uint32_t kWindowMin = 2;
inline constexpr std::uint32_t kWindowMax = 16;

/// What the exchanges of one slot need. A slot runs one task of each vertex at most, so its worst case follows from the
/// graph alone: per edge the channels of one consumer, a window each, and one open block per consumer of one producer;
/// per operator one block that it fills.
struct ExchangeNeed {
  std::uint64_t channels = 0;      ///< into the slot's tasks
  std::uint64_t fixed_blocks = 0;  ///< whatever the window
  std::uint64_t blocks(std::uint32_t window) const { return fixed_blocks + channels * window; }
  std::uint64_t bytes(std::uint32_t window) const { return blocks(window) * kBlockBytes; }
};
ExchangeNeed exchange_need(const JobGraph& graph);

/// The window for a slot whose share of the exchange buffers is so large: the same for every channel of the job.
struct WindowPlan {
  std::uint32_t window = 1;         ///< blocks, kWindowMin..kWindowMax
  std::uint64_t blocks_needed = 0;  ///< of one slot with this window
  bool fits = true;                 ///< blocks_needed is within the share
};
WindowPlan plan_window(const JobGraph& graph, std::uint64_t slot_pool_bytes);

}  // namespace weir::plan
