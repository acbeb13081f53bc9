// Plan and JobGraph to and from their messages. The only place that knows both.
#pragma once

#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::proto {
class Plan;
class JobGraph;
}  // namespace weir::proto

namespace weir::plan {

/// Takes a plan as a planner child or a worker's build function made it.
/// Errors: invalid_argument naming the operator: ids out of order, an input that names a later operator or an output
/// that does not exist, a count, name or parallelism beyond its limit, an unknown role or partitioner.
Result<Plan> decode_plan(const proto::Plan& message);
/// Never fails.
void encode_plan(const Plan& plan, proto::Plan& message);

/// Takes a job graph as the JobManager sent it.
/// Errors: invalid_argument: an edge or an id that names nothing, a number beyond its limit.
Result<JobGraph> decode_job_graph(const proto::JobGraph& message);
/// Never fails.
void encode_job_graph(const JobGraph& graph, proto::JobGraph& message);

}  // namespace weir::plan
