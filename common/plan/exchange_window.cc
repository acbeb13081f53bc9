#include "common/plan/exchange_window.h"

#include <algorithm>

#include "common/plan/exchange_pattern.h"

namespace weir::plan {

namespace {

/// Channels at one end when `own` tasks meet `others` on an edge.
std::uint64_t channels_per_task(Partitioner partitioner, int own, int others) {
  if (!is_pointwise(partitioner)) return static_cast<std::uint64_t>(others);
  return static_cast<std::uint64_t>(std::max(1, (others + own - 1) / own));
}

}  // namespace

ExchangeNeed exchange_need(const JobGraph& graph) {
  ExchangeNeed need;
  for (const auto& vertex : graph.vertices) need.fixed_blocks += vertex.operators.size() + 1;
  for (const auto& edge : graph.edges) {
    const int producers = graph.find(edge.source_vertex)->parallelism;
    const int consumers = graph.find(edge.target_vertex)->parallelism;
    need.channels += channels_per_task(edge.partitioner, consumers, producers);
    need.fixed_blocks += channels_per_task(edge.partitioner, producers, consumers);
  }
  return need;
}

WindowPlan plan_window(const JobGraph& graph, std::uint64_t slot_pool_bytes) {
  const ExchangeNeed need = exchange_need(graph);
  const std::uint64_t blocks = slot_pool_bytes / kBlockBytes;
  const std::uint64_t left = blocks > need.fixed_blocks ? blocks - need.fixed_blocks : 0;
  WindowPlan plan;
  plan.window =
      need.channels == 0
          ? kWindowMax
          : static_cast<std::uint32_t>(std::clamp<std::uint64_t>(left / need.channels, kWindowMin, kWindowMax));
  plan.blocks_needed = need.blocks(plan.window);
  plan.fits = plan.blocks_needed <= blocks;
  return plan;
}

}  // namespace weir::plan
