#include "common/rpc/handshake.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/async/deadline.h"
#include "common/base/text.h"
#include "common/base/try.h"
#include "common/rpc/error_codec.h"
#include "proto/rpc.pb.h"

namespace weir::rpc {
namespace {

// Each side proves the secret over both handshakes, under a name of its own: a proof can't be sent back to its maker.
constexpr std::string_view kAcceptorProof = "weir rpc 2 acceptor";
constexpr std::string_view kDiallerProof = "weir rpc 2 dialler";

std::string handshake_payload(const Identity& self) {
  proto::Handshake message;
  message.set_protocol_version(kProtocolVersion);
  message.set_role(static_cast<std::uint32_t>(self.role));
  if (!self.cluster.is_none()) message.set_cluster_id(self.cluster.to_bytes());
  message.set_incarnation(self.incarnation.to_bytes());
  message.set_name(self.name);
  message.set_nonce(random_nonce());
  return message.SerializeAsString();
}

OutgoingFrame frame_of(FrameKind kind, std::string payload) {
  FrameHeader header;
  header.kind = kind;
  return OutgoingFrame(header, std::move(payload));
}

/// What is proved: both handshakes, with the length of the first, so that no other pair gives the same bytes.
std::string transcript(const std::string& diallers, const std::string& acceptors) {
  return fmt::format("{}:", diallers.size()) + diallers + acceptors;
}

OutgoingFrame proof_frame(const ClusterSecret& secret, std::string_view purpose, const std::string& said) {
  const ClusterSecret::Proof proof = secret.prove(purpose, said);
  return frame_of(FrameKind::proof, std::string(proof.data(), proof.size()));
}

OutgoingFrame refusal_frame(const Error& error) { return frame_of(FrameKind::error, encode_error(error)); }

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

/// Who the peer says it is, when we may go on with it.
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
  if (message.nonce().size() != kNonceBytes) return corrupt("a handshake without a nonce");
  if (!message.cluster_id().empty()) {
    auto cluster = ClusterId::from_bytes(message.cluster_id());
    if (!cluster.ok()) return std::move(cluster).error();
    peer.cluster = cluster.value();
  }
  if (!peer.cluster.is_none() && !self.cluster.is_none() && peer.cluster != self.cluster) {
    return Error::user(ErrorCode::failed_precondition,
                       fmt::format("another cluster: {} {} belongs to {}, this process to {}; check the address and "
                                   "cluster.id",
                                   role_name(peer.role), peer.name, peer.cluster, self.cluster));
  }
  return peer;
}

/// Whether the second frame of the peer proves that it knows our secret.
Result<void> check_proof(const Frame& frame, const Node& node, std::string_view purpose, const std::string& said,
                         const Identity& peer) {
  if (frame.header.kind == FrameKind::error) return decode_error(frame.payload).within("refused by the peer");
  if (frame.header.kind != FrameKind::proof) return corrupt("the frame after the handshake is no proof");
  if (node.secret.verify(purpose, said, frame.payload)) return {};
  return Error::user(ErrorCode::permission_denied,
                     fmt::format("another cluster secret: that of {} {} is not that of {} {}; copy one file to both "
                                 "(security.rpc.secret-file) and start them again",
                                 role_name(peer.role), peer.name, role_name(node.self.role), node.self.name));
}

Async<Result<void>> write_one(FrameStream& stream, OutgoingFrame frame) {
  std::size_t queued_bytes = frame.size();
  std::deque<OutgoingFrame> queue;
  queue.push_back(std::move(frame));
  co_return co_await stream.write_all(queue, queued_bytes);
}

/// Tells the peer why, for its log; whether that arrives is its business.
Async<Identity> refuse(FrameStream& stream, Error why) {
  auto refusal = refusal_frame(why);
  (void)co_await write_one(stream, std::move(refusal));
  co_return why;
}

Async<Identity> greet_untimed(FrameStream& stream, const Node& node) {
  const std::string ours = handshake_payload(node.self);
  auto hello = frame_of(FrameKind::handshake, ours);
  CO_TRY_VOID(co_await write_one(stream, std::move(hello)));
  CO_TRY(const Frame theirs, co_await stream.read());
  auto peer = judge(theirs, node.self);
  if (!peer.ok() && theirs.header.kind == FrameKind::error) co_return std::move(peer).error();
  if (!peer.ok()) co_return co_await refuse(stream, peer.error());
  CO_TRY(const Frame proof, co_await stream.read());
  const std::string said = transcript(ours, theirs.payload);
  const auto proved = check_proof(proof, node, kAcceptorProof, said, *peer);
  if (!proved.ok()) co_return co_await refuse(stream, proved.error());
  auto answer = proof_frame(node.secret, kDiallerProof, said);
  CO_TRY_VOID(co_await write_one(stream, std::move(answer)));
  co_return peer;
}

Async<Identity> welcome_untimed(FrameStream& stream, const Node& node) {
  CO_TRY(const Frame theirs, co_await stream.read());
  auto peer = judge(theirs, node.self);
  if (!peer.ok()) co_return co_await refuse(stream, peer.error());
  const std::string ours = handshake_payload(node.self);
  const std::string said = transcript(theirs.payload, ours);
  auto hello = frame_of(FrameKind::handshake, ours);
  CO_TRY_VOID(co_await write_one(stream, std::move(hello)));
  auto own_proof = proof_frame(node.secret, kAcceptorProof, said);
  CO_TRY_VOID(co_await write_one(stream, std::move(own_proof)));
  CO_TRY(const Frame proof, co_await stream.read());
  const auto proved = check_proof(proof, node, kDiallerProof, said, *peer);
  if (proved.ok()) co_return peer;
  if (proof.header.kind == FrameKind::error) co_return proved.error();
  co_return co_await refuse(stream, proved.error());
}

Async<Identity> in_time(Async<Identity> work, Clock& clock, SteadyTime deadline) {
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

std::chrono::milliseconds silence_max(std::chrono::nanoseconds heartbeat_timeout) {
  constexpr std::chrono::hours kMost{24};  // what the kernel takes has 32 bits
  const auto timeout = std::min<std::chrono::nanoseconds>(heartbeat_timeout, kMost);
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(timeout * 5 / 4),
                  std::chrono::milliseconds(20));
}

Async<Identity> greet(FrameStream& stream, const Node& node, SteadyTime deadline) {
  return in_time(greet_untimed(stream, node), node.clock, deadline);
}

Async<Identity> welcome(FrameStream& stream, const Node& node, SteadyTime deadline) {
  return in_time(welcome_untimed(stream, node), node.clock, deadline);
}

}  // namespace weir::rpc
