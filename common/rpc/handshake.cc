#include "common/rpc/handshake.h"

#include <fmt/format.h>

#include "common/async/clock.h"
#include "common/async/deadline.h"
#include "common/base/text.h"
#include "common/rpc/error_codec.h"
#include "proto/rpc.pb.h"

namespace weir::rpc {
namespace {

OutgoingFrame handshake_frame(const Identity& self) {
  proto::Handshake message;
  message.set_protocol_version(kProtocolVersion);
  message.set_role(static_cast<std::uint32_t>(self.role));
  if (!self.cluster.is_none()) message.set_cluster_id(self.cluster.to_bytes());
  message.set_incarnation(self.incarnation.to_bytes());
  message.set_name(self.name);
  FrameHeader header;
  header.kind = FrameKind::handshake;
  return OutgoingFrame(header, message.SerializeAsString());
}

OutgoingFrame refusal_frame(const Error& error) {
  FrameHeader header;
  header.kind = FrameKind::error;
  return OutgoingFrame(header, encode_error(error));
}

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

/// Who the peer says it is, when we may talk to it.
Result<Identity> judge(const Frame& frame, const Identity& self) {
  if (frame.header.kind == FrameKind::error) return decode_error(frame.payload).within("refused by the peer");
  if (frame.header.kind != FrameKind::handshake) return corrupt("the first frame is no handshake");
  proto::Handshake message;
  if (!message.ParseFromString(frame.payload)) return corrupt("the handshake can't be read");
  if (message.protocol_version() != kProtocolVersion) {
    return Error::user(
        ErrorCode::failed_precondition,
        fmt::format("another version of the RPC protocol: the peer speaks {}, this process {}; run the same "
                    "release of Weir everywhere",
                    message.protocol_version(), kProtocolVersion));
  }
  Identity peer;
  if (message.role() < 1 || message.role() > static_cast<std::uint32_t>(Role::tool))
    return corrupt(fmt::format("unknown role in a handshake: {}", message.role()));
  peer.role = static_cast<Role>(message.role());
  if (message.name().size() > 255) return corrupt("the name in a handshake is longer than 255 bytes");
  peer.name = printable(message.name(), 255);
  auto incarnation = Incarnation::from_bytes(message.incarnation());
  if (!incarnation.ok()) return std::move(incarnation).error();
  peer.incarnation = incarnation.value();
  if (!message.cluster_id().empty()) {
    auto cluster = ClusterId::from_bytes(message.cluster_id());
    if (!cluster.ok()) return std::move(cluster).error();
    peer.cluster = cluster.value();
  }
  if (!peer.cluster.is_none() && !self.cluster.is_none() && peer.cluster != self.cluster) {
    return Error::user(ErrorCode::failed_precondition,
                       fmt::format("another cluster: {} {} belongs to {}, this process to {}; check the address and "
                                   "high-availability.cluster-id",
                                   role_name(peer.role), peer.name, peer.cluster, self.cluster));
  }
  return peer;
}

Async<Result<void>> write_one(FrameStream& stream, OutgoingFrame frame) {
  std::size_t queued_bytes = frame.size();
  std::deque<OutgoingFrame> queue;
  queue.push_back(std::move(frame));
  co_return co_await stream.write_all(queue, queued_bytes);
}

Async<Identity> greet_untimed(FrameStream& stream, const Identity& self) {
  auto hello = handshake_frame(self);
  auto written = co_await write_one(stream, std::move(hello));
  if (!written.ok()) co_return std::move(written).error();
  auto frame = co_await stream.read();
  if (!frame.ok()) co_return std::move(frame).error();
  co_return judge(frame.value(), self);
}

Async<Identity> welcome_untimed(FrameStream& stream, const Identity& self) {
  auto frame = co_await stream.read();
  if (!frame.ok()) co_return std::move(frame).error();
  auto peer = judge(frame.value(), self);
  auto answer = peer.ok() ? handshake_frame(self) : refusal_frame(peer.error());
  auto written = co_await write_one(stream, std::move(answer));
  if (peer.ok() && !written.ok()) co_return std::move(written).error();
  co_return peer;
}

Async<Identity> in_time(Async<Identity> work, std::chrono::milliseconds timeout) {
  SystemClock clock;
  const SteadyTime deadline = clock.now() + timeout;
  std::string what = "handshake";
  auto bounded = with_deadline(clock, deadline, std::move(what), std::move(work));
  co_return co_await std::move(bounded);
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::job_manager: return "JobManager";
    case Role::task_manager: return "TaskManager";
    case Role::worker: return "worker";
    case Role::tool: return "tool";
  }
  return "peer";
}

Async<Identity> greet(FrameStream& stream, const Identity& self, std::chrono::milliseconds timeout) {
  return in_time(greet_untimed(stream, self), timeout);
}

Async<Identity> welcome(FrameStream& stream, const Identity& self, std::chrono::milliseconds timeout) {
  return in_time(welcome_untimed(stream, self), timeout);
}

}  // namespace weir::rpc
