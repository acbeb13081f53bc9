#include "common/plan/plan_frame.h"

#include <fmt/format.h>

#include "common/base/checksum.h"
#include "common/plan/plan_codec.h"
#include "proto/plan.pb.h"

namespace weir::plan {

namespace {

constexpr std::size_t kRefusalBytesMax = 16 * 1024;

void append_le(std::uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t read_le(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

Error corrupt(std::string what) { return Error::user(ErrorCode::corrupt, std::move(what)); }

std::string frame_of(const std::string& payload) {
  std::string frame;
  frame.reserve(kPlanFrameHeaderBytes + payload.size());
  append_le(payload.size(), 4, frame);
  append_le(xxh3_64(payload), 8, frame);
  return frame + payload;
}

}  // namespace

Result<std::string> encode_plan_frame(const proto::Plan& message) {
  proto::PlannerAnswer answer;
  *answer.mutable_plan() = message;
  const std::string payload = answer.SerializeAsString();
  if (payload.size() > kPlanBytesMax) {
    return Error::user(ErrorCode::resource_exhausted,
                       fmt::format("the plan is {} bytes long; at most {} are taken", payload.size(), kPlanBytesMax));
  }
  return frame_of(payload);
}

std::string encode_refusal_frame(std::string_view sentence) {
  proto::PlannerAnswer answer;
  answer.set_refusal(std::string(sentence.substr(0, kRefusalBytesMax)));
  return frame_of(answer.SerializeAsString());
}

Result<Plan> decode_plan_frame(std::string_view frame) {
  if (frame.size() < kPlanFrameHeaderBytes) {
    return corrupt(fmt::format("{} bytes came instead of a plan", frame.size()));
  }
  const std::uint64_t length = read_le(frame.substr(0, 4));
  const std::uint64_t checksum = read_le(frame.substr(4, 8));
  const std::string_view payload = frame.substr(kPlanFrameHeaderBytes);
  if (length > kPlanBytesMax)
    return corrupt(fmt::format("a plan of {} bytes was announced; at most {} are taken", length, kPlanBytesMax));
  if (payload.size() != length)
    return corrupt(fmt::format("a plan of {} bytes was announced and {} came", length, payload.size()));
  if (xxh3_64(payload) != checksum) return corrupt("the plan's checksum is wrong");
  proto::PlannerAnswer answer;
  if (!answer.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
    return corrupt("the bytes are not a plan");
  if (answer.has_refusal()) return Error::user(ErrorCode::invalid_argument, answer.refusal());
  if (!answer.has_plan()) return corrupt("the bytes hold no plan");
  return decode_plan(answer.plan());
}

}  // namespace weir::plan
