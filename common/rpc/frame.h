// The frame of the control plane's protocol; byte by byte in docs/formats/rpc_frame.md. Pure: no socket, no clock.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "weir/result.h"

namespace weir::rpc {

/// Names one verb of one peer; made from the enumeration in common/gateway, which rpc does not know.
struct MethodId {
  std::uint16_t number = 0;

  constexpr MethodId() = default;
  constexpr MethodId(std::uint16_t value) : number(value) {}  // NOLINT: a number is a method
  template <class Enum>
  requires std::is_enum_v<Enum> && std::is_same_v<std::underlying_type_t<Enum>, std::uint16_t>
  constexpr MethodId(Enum value) : number(static_cast<std::uint16_t>(value)) {}  // NOLINT

  friend constexpr auto operator<=>(MethodId, MethodId) = default;
};

enum class FrameKind : std::uint8_t {
  handshake = 1,  ///< the first frame of either side
  request = 2,
  response = 3,
  error = 4,   ///< the answer to a request or a handshake that failed: a weir.proto.RpcError
  cancel = 5,  ///< the caller no longer waits for this call
  proof = 6,   ///< the third and fourth frame of a connection: proves the cluster's secret
  ping = 7,    ///< are you there
  pong = 8,    ///< I am
};

struct FrameHeader {
  FrameKind kind = FrameKind::request;
  std::uint8_t flags = 0;  ///< none are defined: must be 0
  MethodId method;
  std::uint32_t remaining_ms = 0;  ///< time that the caller will still wait
  std::uint64_t call_id = 0;
  std::uint64_t leader_epoch = 0;  ///< of the caller in a request, of the callee in an answer
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

struct Frame {
  FrameHeader header;
  std::string payload;
};

inline constexpr std::size_t kFrameHeaderBytes = 40;
inline constexpr std::uint32_t kFrameMagic = 0x43505257;  ///< "WRPC" on the wire

/// The 40 bytes that go before `payload`, checksum included.
/// ENSUREs that the payload fits 32 bits; the sender has checked its limit.
std::array<char, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header, std::string_view payload);

/// Takes bytes as they come from a stream, gives whole frames.
/// Lives on: any thread (pure). One per connection. After an error the stream is lost: close it.
/// Promise: never holds more memory than twice what it was given plus `kReadBytes`, whatever length a header claims.
class FrameDecoder {
 public:
  /// Least space offered to a read.
  static constexpr std::size_t kReadBytes = 64 * 1024;

  /// @param payload_bytes_max  a header that claims more is refused
  explicit FrameDecoder(std::size_t payload_bytes_max);
  void set_payload_bytes_max(std::size_t bytes) { payload_bytes_max_ = bytes; }

  /// Space for the next bytes of the stream, never empty; valid until the next call of any other function.
  std::span<char> writable();
  /// The first `count` bytes of that space have been filled.
  void commit(std::size_t count);

  /// The next whole frame, or nothing when more bytes are needed.
  /// Errors: corrupt (external): no frame of ours, unknown kind or flag, checksum; resource_exhausted (external): too
  /// long.
  Result<std::optional<Frame>> next();

  /// No byte of an unfinished frame is held: the stream may end here.
  bool is_between_frames() const noexcept { return begin_ == end_; }
  /// Memory held now, for tests of the bound.
  std::size_t capacity_bytes() const noexcept { return capacity_; }

 private:
  std::size_t payload_bytes_max_;
  std::unique_ptr<char[]> buffer_;  ///< not a string: what a read overwrites need not be cleared
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  ///< first byte not yet given out
  std::size_t end_ = 0;    ///< end of what has been received
};

}  // namespace weir::rpc
