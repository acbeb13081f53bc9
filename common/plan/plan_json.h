// A job graph for people and for the dashboard, in the shape of Flink's `plan` object.
#pragma once

#include <string>

#include "common/plan/job_graph.h"

namespace weir::plan {

/// The plan object {jid, name, type, nodes[{id, parallelism, operator, operator_strategy, description, inputs,
/// optimizer_properties}]} as JSON text. Nodes stand downstream first, as Flink lists them; descriptions are HTML.
/// @param job_id   32 hex digits
std::string plan_json(const JobGraph& graph, const Plan& plan, const std::string& job_id);

}  // namespace weir::plan
