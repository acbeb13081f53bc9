// From a plan to a job graph: parallelism is resolved, operators that can hand rows to each other by a call become one
// vertex. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::plan {

/// What the submission and the cluster say where the plan says nothing.
/// What kind of job it is to be.
enum class RuntimeMode { streaming, batch, automatic };

struct GraphSettings {
  RuntimeMode mode = RuntimeMode::streaming;  ///< execution.runtime-mode
  int submission_parallelism = 0;             ///< `-p`; 0: not given
  int default_parallelism = 1;                ///< parallelism.default
  int default_max_parallelism = 0;            ///< pipeline.max-parallelism; 0 or less: by the formula
  bool chaining = true;                       ///< pipeline.operator-chaining.enabled
};

/// Makes the job graph of a plan.
/// Lives on: any thread (pure).
/// @param plan      as plan_codec or a build function made it
/// @return          vertices in topological order, edges numbered from 0, the plan's fingerprint
/// Errors: invalid_argument for an empty plan, a parallelism beyond its maximum, a uid used twice, too many tasks, a
/// strict forward between different parallelisms, a source without an end in a BATCH job.
Result<JobGraph> make_job_graph(const Plan& plan, const GraphSettings& settings);

/// Key groups of an operator that asks for none: 128 to 32768, the power of two at or above 1.5 times the parallelism.
/// Source: Flink, KeyGroupRangeAssignment.computeDefaultMaxParallelism.
int default_max_parallelism(int parallelism);

/// Parallelism of every operator, in operator order: its own, else the job's, else the submission's, else the
/// cluster's.
std::vector<int> resolve_parallelism(const Plan& plan, const GraphSettings& settings);

/// Whether `consumer` runs in the same chain as the producer of its only input.
/// @param parallelism   as resolve_parallelism gave it
bool is_chained(const Plan& plan, const PlannedOperator& consumer, const std::vector<int>& parallelism,
                bool chaining_enabled);

/// The operator's name with the word that plans put before sources and sinks: "Source: lines".
std::string display_name(const PlannedOperator& planned);

/// The operators of a chain as one line: "Source: lines -> Map -> (Sink: a, Filter -> Sink: b)".
std::string chain_name(const Plan& plan, const std::vector<std::uint32_t>& chain);

/// The same as a tree, one operator per line, each line with its end:
///     Source: lines
///     :- Sink: a
///     +- Filter
///        +- Sink: b
std::string chain_description(const Plan& plan, const std::vector<std::uint32_t>& chain);

}  // namespace weir::plan
