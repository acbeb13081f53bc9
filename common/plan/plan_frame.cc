#include "common/plan/plan_frame.h"

#include <fmt/format.h>

#include "common/base/checksum.h"
#include "common/plan/plan_codec.h"
#include "proto/plan.pb.h"

namespace weir::plan {

namespace {

void append_le(std::uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t read_le(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

Error corrupt(std::string what) { return Error::user(ErrorCode::corrupt, std::move(what)); }

}  // namespace

Result<std::string> encode_plan_frame(const proto::Plan& message) {
  const std::string payload = message.SerializeAsString();
  if (payload.size() > kPlanBytesMax) {
    return Error::user(ErrorCode::resource_exhausted,
                       fmt::format("the plan is {} bytes long; at most {} are taken", payload.size(), kPlanBytesMax));
  }
  std::string frame;
  frame.reserve(kPlanFrameHeaderBytes + payload.size());
  append_le(payload.size(), 4, frame);
  append_le(xxh3_64(payload), 8, frame);
  return frame + payload;
}

Result<Plan> decode_plan_frame(std::string_view frame) {
  if (frame.size() < kPlanFrameHeaderBytes) {
    return corrupt(fmt::format("{} bytes came instead of a plan", frame.size()));
  }
  const std::uint64_t length = read_le(frame.substr(0, 4));
  const std::uint64_t checksum = read_le(frame.substr(4, 8));
  const std::string_view payload = frame.substr(kPlanFrameHeaderBytes);
  if (length > kPlanBytesMax) return corrupt(fmt::format("a plan of {} bytes was announced; at most {} are taken", length, kPlanBytesMax));
  if (payload.size() != length) return corrupt(fmt::format("a plan of {} bytes was announced and {} came", length, payload.size()));
  if (xxh3_64(payload) != checksum) return corrupt("the plan's checksum is wrong");
  proto::Plan message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return corrupt("the bytes are not a plan");
  return decode_plan(message);
}

}  // namespace weir::plan
