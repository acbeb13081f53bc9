#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::cli {

/// What a planner child is started with.
struct PlannerStart {
  std::string executable;         ///< path of this program
  std::string library;            ///< path of the job library
  std::string library_directory;  ///< where a bundle's own libraries are; empty: none
  std::string shown_name;         ///< what people call the library
  std::string entry;              ///< empty: the library's only job
  std::vector<std::string> arguments;
  std::map<std::string, std::string> configuration;
};

/// Runs `weir plan --frame-fd ...` as a child and takes its plan. The child has the environment that the JobManager's
/// planner gives, and writes what user code prints to our standard error. Waits as long as the build function runs: a
/// person who sees it hang presses Ctrl-C. Errors: what the child refused with; invalid_argument when it crashed or
/// ended without a plan; io.
Result<plan::Plan> run_planner_child(const PlannerStart& start);

}  // namespace weir::cli
