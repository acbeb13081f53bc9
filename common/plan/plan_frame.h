// How a planner child hands its plan over: u32 length, u64 XXH3-64 of the payload (both little endian), serialized
// PlannerAnswer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::proto {
class Plan;
}

namespace weir::plan {

inline constexpr std::size_t kPlanFrameHeaderBytes = 12;
/// A plan beyond this is refused on both sides.
inline constexpr std::size_t kPlanBytesMax = 32u << 20;

/// The whole frame with a plan. Errors: resource_exhausted when the plan is larger than kPlanBytesMax.
Result<std::string> encode_plan_frame(const proto::Plan& message);
/// The whole frame of a planner that has no plan to give.
/// @param sentence   why, for the person who submits
std::string encode_refusal_frame(std::string_view sentence);

/// Takes exactly one frame and nothing else.
/// Errors: invalid_argument (user) with the planner's sentence when it refused, or what decode_plan refuses; corrupt
/// with a sentence that says what is wrong with the bytes: cut off, too long, checksum, not a plan.
Result<Plan> decode_plan_frame(std::string_view frame);

}  // namespace weir::plan
