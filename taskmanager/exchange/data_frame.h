// Frames of a data connection: docs/formats/data_frame.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "weir/block.h"
#include "weir/result.h"

namespace weir::taskmanager {

enum class FrameKind : std::uint8_t {
  auth_start = 1,
  auth_challenge = 2,
  auth_proof = 3,
  open_channel = 4,
  block = 5,
  credit = 6,
  watermark = 7,
  end_of_partition = 8,
  close_channel = 9,
  packed_block = 10,  ///< a block whose rows and text are packed
  end_of_data = 11,
};

constexpr bool is_block(FrameKind kind) { return kind == FrameKind::block || kind == FrameKind::packed_block; }

inline constexpr std::size_t kFrameHeaderBytes = 32;
/// Of every kind but block and packed_block.
inline constexpr std::uint32_t kControlPayloadBytesMax = 512;
inline constexpr std::size_t kNonceBytes = 32;
inline constexpr std::size_t kProofBytes = 32;

/// What stands before every payload. A value.
struct FrameHeader {
  FrameKind kind = FrameKind::block;
  std::uint32_t channel = 0;  ///< 0 for auth frames
  std::uint32_t payload_bytes = 0;
  std::uint64_t sequence = 0;  ///< frames of this direction before it
  std::uint64_t checksum = 0;  ///< XXH3 over the header, with zeros here, and the payload
};

/// Writes kFrameHeaderBytes bytes.
void encode_header(const FrameHeader& header, std::uint8_t* bytes);
/// @param bytes  kFrameHeaderBytes bytes
/// @param block_payload_bytes_max  of a block frame
/// Errors: corrupt (external): magic, version, kind, a reserved byte or a length that is not allowed.
Result<FrameHeader> decode_header(const std::uint8_t* bytes, std::uint32_t block_payload_bytes_max);

/// XXH3 over the pieces of one frame, the same state used for frame after frame.
/// Lives on: one thread.
class FrameChecksum {
 public:
  FrameChecksum();
  ~FrameChecksum();
  FrameChecksum(const FrameChecksum&) = delete;
  FrameChecksum& operator=(const FrameChecksum&) = delete;
  /// Begins a frame: takes its header, with zeros for the checksum.
  void begin(const FrameHeader& header);
  void add(const void* bytes, std::size_t count);
  std::uint64_t result() const;

 private:
  struct State;
  State* state_;
};

/// A block's header as it travels: without what has a meaning in memory only.
std::array<std::uint8_t, sizeof(Block)> encode_block_header(const Block& block);
/// @param bytes  sizeof(Block) bytes
/// Errors: corrupt (external): a field that must be zero on the wire is not. The rest is check_block_header's.
Result<Block> decode_block_header(const std::uint8_t* bytes);

/// One stretch of a block's memory that travels.
struct BlockPart {
  std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
};
/// Event times, row kinds, rows, text: those that the block has, in the order of the wire. Sizes follow from its
/// header.
struct BlockParts {
  std::array<BlockPart, 4> parts{};
  std::size_t count = 0;
  std::size_t bytes = 0;
};
BlockParts parts_of(Block& block);

/// Payloads that have more than one field.
struct AuthStart {
  std::array<unsigned char, kNonceBytes> nonce{};
  std::uint32_t slot = 0;       ///< of the consumer
  std::string task_manager_id;  ///< of the consumer, for logs; at most 255 bytes
};
struct AuthChallenge {
  std::array<unsigned char, kNonceBytes> nonce{};
  std::array<unsigned char, kProofBytes> proof{};  ///< the producer's
};
/// Which channel is meant: both ends by their attempts.
struct ChannelKey {
  std::uint32_t edge = 0;
  ExecutionId producer;
  ExecutionId consumer;
  friend auto operator<=>(const ChannelKey&, const ChannelKey&) = default;
};
struct OpenChannel {
  ChannelKey key;
  std::uint32_t credit = 0;  ///< blocks that may be sent at once
};
enum class CloseReason : std::uint8_t {
  done = 0,      ///< the consumer has taken the end of input
  given_up = 1,  ///< the sender's task ends before the end of input
};
struct CloseChannel {
  CloseReason reason = CloseReason::done;
  std::string text;  ///< for logs, at most 400 bytes
};

/// The payload of a watermark (its event time, i64) or of credit (u32). Valid as long as the number.
template <class Number>
std::string_view payload_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string encode(const AuthStart& start);
std::string encode(const AuthChallenge& challenge);
std::string encode(const OpenChannel& open);
std::string encode(const CloseChannel& close);
/// Errors of all: corrupt (external), one sentence.
Result<AuthStart> decode_auth_start(std::string_view payload);
Result<AuthChallenge> decode_auth_challenge(std::string_view payload);
Result<OpenChannel> decode_open_channel(std::string_view payload);
Result<CloseChannel> decode_close_channel(std::string_view payload);
Result<std::uint32_t> decode_credit(std::string_view payload);
Result<std::int64_t> decode_watermark(std::string_view payload);

}  // namespace weir::taskmanager
