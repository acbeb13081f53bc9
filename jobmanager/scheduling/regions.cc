#include "jobmanager/scheduling/regions.h"

#include <numeric>

#include "common/plan/exchange_pattern.h"

namespace weir::jobmanager {

namespace {

/// Disjoint sets of numbers 0..count-1.
class Sets {
 public:
  explicit Sets(std::uint32_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::uint32_t find(std::uint32_t item) {
    while (parent_[item] != item) item = parent_[item] = parent_[parent_[item]];
    return item;
  }
  void join(std::uint32_t a, std::uint32_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<std::uint32_t> parent_;
};

void join_ends(const plan::JobEdge& edge, std::uint32_t first_producer, std::uint32_t producers,
               std::uint32_t first_consumer, std::uint32_t consumers, Sets& sets) {
  if (!plan::is_pointwise(edge.partitioner)) {
    for (std::uint32_t p = 1; p < producers; ++p) sets.join(first_producer, first_producer + p);
    for (std::uint32_t c = 0; c < consumers; ++c) sets.join(first_producer, first_consumer + c);
    return;
  }
  for (std::uint32_t p = 0; p < producers; ++p) {
    const plan::SubtaskRange range = plan::consumers_of(edge.partitioner, p, producers, consumers);
    for (std::uint32_t c = range.first; c < range.last; ++c) sets.join(first_producer + p, first_consumer + c);
  }
}

}  // namespace

Regions pipelined_regions(const plan::JobGraph& graph) {
  std::vector<std::uint32_t> first;  // number of each vertex's first task
  std::uint32_t count = 0;
  for (const auto& vertex : graph.vertices) {
    first.push_back(count);
    count += static_cast<std::uint32_t>(vertex.parallelism);
  }
  Sets sets(count);
  for (const auto& edge : graph.edges) {
    if (edge.mode != plan::ExchangeMode::pipelined) continue;
    const std::size_t source = graph.index_of(edge.source_vertex), target = graph.index_of(edge.target_vertex);
    join_ends(edge, first[source], static_cast<std::uint32_t>(graph.vertices[source].parallelism), first[target],
              static_cast<std::uint32_t>(graph.vertices[target].parallelism), sets);
  }
  Regions regions;
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> region_of_set(count, kNone);
  for (std::uint32_t v = 0; v < graph.vertices.size(); ++v) {
    auto& of = regions.of.emplace_back();
    for (std::uint32_t s = 0; s < static_cast<std::uint32_t>(graph.vertices[v].parallelism); ++s) {
      std::uint32_t& region = region_of_set[sets.find(first[v] + s)];
      if (region == kNone) {
        region = static_cast<std::uint32_t>(regions.tasks.size());
        regions.tasks.emplace_back();
      }
      of.push_back(region);
      regions.tasks[region].push_back({v, s});
    }
  }
  return regions;
}

}  // namespace weir::jobmanager
