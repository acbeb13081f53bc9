#pragma once

#include "cli/command_line.h"
#include "weir/result.h"

namespace weir::cli {

/// The planner child: runs the library's build function and writes its plan, or one sentence that says why there is
/// none, as a frame to the descriptor it was given (common/plan/plan_frame.h). User code may print, crash and never
/// return: whoever started the child watches it. Lives on: the main thread of a process of its own.
/// @return 0 when a plan was written, 1 when a refusal was
/// Errors: io when the frame cannot be written.
Result<int> be_planner(const PlanVerb& verb);

}  // namespace weir::cli
