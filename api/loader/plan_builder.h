// A stream graph as a plan message.
#pragma once

#include "weir/result.h"
#include "weir/stream_graph.h"

namespace weir::proto {
class Plan;
}

namespace weir {

/// Checks what a build function made and writes it as a plan, without fingerprint.
/// Lives on: any thread (pure).
/// Errors (blame user): no operator, an output that leads nowhere, two operators with one uid, a parallelism out of
/// range, an operator of a job without a name. Stateful operators without a uid are a warning in the plan.
Result<void> build_plan(const StreamGraph& graph, proto::Plan& plan);

}  // namespace weir
