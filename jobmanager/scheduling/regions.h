// Which tasks of a job run, and fail, together. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "common/plan/job_graph.h"

namespace weir::jobmanager {

/// The regions of a job: the parts that pipelined exchanges connect. Tasks of different regions are connected by
/// blocking exchanges, or not at all.
struct Regions {
  std::vector<std::vector<std::uint32_t>> of;       ///< region by vertex and subtask
  std::vector<std::vector<plan::TaskIndex>> tasks;  ///< by region; ascending, regions in order of their first task

  const std::vector<plan::TaskIndex>& around(plan::TaskIndex task) const {
    return tasks[of[task.vertex][task.subtask]];
  }
};

/// Takes time in proportion to the tasks and to the channels of pointwise exchanges; all-to-all exchanges cost a task
/// each, not a pair.
/// Source: Flink, PipelinedRegionComputeUtil.
Regions pipelined_regions(const plan::JobGraph& graph);

}  // namespace weir::jobmanager
