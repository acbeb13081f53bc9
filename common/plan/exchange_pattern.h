// Which tasks of two vertices are connected by an exchange. Pure.
#pragma once

#include <cstdint>

#include "common/plan/job_graph.h"

namespace weir::plan {

/// Forward and rescale: a task is connected with near ones only; else with all.
bool is_pointwise(Partitioner partitioner);

/// Subtask indices first..last-1.
struct SubtaskRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::uint32_t size() const { return last - first; }
  friend bool operator==(const SubtaskRange&, const SubtaskRange&) = default;
};

/// The consumers that one producer sends to: with forward and rescale the near ones, else all.
/// ENSUREs equal parallelism for forward and the index within the producers.
/// Source: Flink, EdgeManagerBuildUtil.connectPointwise.
SubtaskRange consumers_of(Partitioner partitioner, std::uint32_t producer, std::uint32_t producers,
                          std::uint32_t consumers);

/// The producers that send to one consumer: the inverse of consumers_of.
SubtaskRange producers_of(Partitioner partitioner, std::uint32_t consumer, std::uint32_t producers,
                          std::uint32_t consumers);

}  // namespace weir::plan
