#include "common/rpc/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/base/checksum.h"
#include "common/base/ensure.h"
#include "common/base/little_endian.h"
#include "common/base/text.h"

namespace weir::rpc {
namespace {

// Offsets of the fields; docs/formats/rpc_frame.md.
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kKindAt = 8;
constexpr std::size_t kFlagsAt = 9;
constexpr std::size_t kMethodAt = 10;
constexpr std::size_t kRemainingAt = 12;
constexpr std::size_t kCallIdAt = 16;
constexpr std::size_t kEpochAt = 24;
constexpr std::size_t kChecksumAt = 32;

/// A connection that once carried something large gives the memory back.
constexpr std::size_t kKeptBytesMax = 1024 * 1024;

std::uint64_t checksum(const char* header, std::string_view payload) {
  return xxh3_64(payload, xxh3_64(std::string_view(header, kChecksumAt)));
}

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

bool is_known_kind(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(FrameKind::handshake) && kind <= static_cast<std::uint8_t>(FrameKind::pong);
}

}  // namespace

std::array<char, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header, std::string_view payload) {
  ENSURE(payload.size() <= std::numeric_limits<std::uint32_t>::max(), "a frame of {} bytes", payload.size());
  std::array<char, kFrameHeaderBytes> bytes{};
  store_number(bytes.data(), kMagicAt, kFrameMagic);
  store_number(bytes.data(), kLengthAt, static_cast<std::uint32_t>(payload.size()));
  store_number(bytes.data(), kKindAt, static_cast<std::uint8_t>(header.kind));
  store_number(bytes.data(), kFlagsAt, header.flags);
  store_number(bytes.data(), kMethodAt, header.method.number);
  store_number(bytes.data(), kRemainingAt, header.remaining_ms);
  store_number(bytes.data(), kCallIdAt, header.call_id);
  store_number(bytes.data(), kEpochAt, header.leader_epoch);
  store_number(bytes.data(), kChecksumAt, checksum(bytes.data(), payload));
  return bytes;
}

FrameDecoder::FrameDecoder(std::size_t payload_bytes_max) : payload_bytes_max_(payload_bytes_max) {}

std::span<char> FrameDecoder::writable() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kKeptBytesMax) {
      buffer_.reset();
      capacity_ = 0;
    }
  }
  if (capacity_ - end_ < kReadBytes && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - end_ < kReadBytes) {
    // Grows with what has come, not with what a header claims.
    const std::size_t capacity = end_ + std::max(kReadBytes, end_);
    auto buffer = std::make_unique_for_overwrite<char[]>(capacity);
    if (end_ > 0) std::memcpy(buffer.get(), buffer_.get(), end_);
    buffer_ = std::move(buffer);
    capacity_ = capacity;
  }
  return std::span(buffer_.get() + end_, capacity_ - end_);
}

void FrameDecoder::commit(std::size_t count) {
  ENSURE(count <= capacity_ - end_, "committed {} of {} bytes", count, capacity_ - end_);
  end_ += count;
}

Result<std::optional<Frame>> FrameDecoder::next() {
  if (begin_ == end_) return std::optional<Frame>();
  const char* start = buffer_.get() + begin_;
  const std::size_t held = end_ - begin_;
  // Looked at as soon as it comes: a browser on the wrong port sends less than a header and waits.
  if (std::memcmp(start, &kFrameMagic, std::min(held, sizeof kFrameMagic)) != 0) {
    return corrupt(
        fmt::format("no Weir RPC frame; it begins with \"{}\"", printable(std::string_view(start, held), 16)));
  }
  if (held < kFrameHeaderBytes) return std::optional<Frame>();

  const auto length = load_number<std::uint32_t>(start, kLengthAt);
  if (length > payload_bytes_max_) {
    return Error::external(ErrorCode::resource_exhausted,
                           fmt::format("frame too long: {} bytes, at most {} are taken", length, payload_bytes_max_));
  }
  const auto kind = load_number<std::uint8_t>(start, kKindAt);
  if (!is_known_kind(kind)) return corrupt(fmt::format("unknown kind of frame: {}", kind));
  const auto flags = load_number<std::uint8_t>(start, kFlagsAt);
  if (flags != 0) return corrupt(fmt::format("unknown flags in a frame: {:#x}", flags));
  if (held - kFrameHeaderBytes < length) return std::optional<Frame>();

  const std::string_view payload(start + kFrameHeaderBytes, length);
  if (checksum(start, payload) != load_number<std::uint64_t>(start, kChecksumAt))
    return corrupt(fmt::format("checksum mismatch in a frame of {} bytes", length));

  Frame frame;
  frame.header.kind = static_cast<FrameKind>(kind);
  frame.header.flags = flags;
  frame.header.method = load_number<std::uint16_t>(start, kMethodAt);
  frame.header.remaining_ms = load_number<std::uint32_t>(start, kRemainingAt);
  frame.header.call_id = load_number<std::uint64_t>(start, kCallIdAt);
  frame.header.leader_epoch = load_number<std::uint64_t>(start, kEpochAt);
  frame.payload = payload;
  begin_ += kFrameHeaderBytes + length;
  return std::optional<Frame>(std::move(frame));
}

}  // namespace weir::rpc
