// How a planner child hands its plan over: u32 length, u64 XXH3-64 of the payload (both little endian), serialized proto Plan.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/weir/result.h"
#include "common/plan/job_graph.h"

namespace weir::proto {
class Plan;
}

namespace weir::plan {

inline constexpr std::size_t kPlanFrameHeaderBytes = 12;
/// A plan beyond this is refused on both sides.
inline constexpr std::size_t kPlanBytesMax = 32u << 20;

/// The whole frame. Errors: resource_exhausted when the plan is larger than kPlanBytesMax.
Result<std::string> encode_plan_frame(const proto::Plan& message);

/// Takes exactly one frame and nothing else.
/// Errors: corrupt with a sentence that says what is wrong: cut off, too long, checksum, not a plan; what decode_plan refuses.
Result<Plan> decode_plan_frame(std::string_view frame);

}  // namespace weir::plan
