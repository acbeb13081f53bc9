#include "taskmanager/exchange/data_frame.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/little_endian.h"
#include "common/base/try.h"
#include "common/base/xxh3.h"
#include "weir/bytes.h"

namespace weir::taskmanager {

namespace {

constexpr std::uint32_t kFrameMagic = 0x4d524657;  // "WFRM"
constexpr std::uint8_t kFrameVersion = 1;
constexpr std::size_t kCloseTextBytesMax = 400;

// Offsets of the header's fields.
constexpr std::size_t kAtVersion = 4;
constexpr std::size_t kAtKind = 5;
constexpr std::size_t kAtReserved = 6;
constexpr std::size_t kAtChannel = 8;
constexpr std::size_t kAtPayloadBytes = 12;
constexpr std::size_t kAtSequence = 16;
constexpr std::size_t kAtChecksum = 24;

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, "data frame: " + std::move(message)); }

template <std::size_t kCount>
bool get_array(ByteReader& reader, std::array<unsigned char, kCount>& bytes) {
  std::string_view raw;
  if (!reader.get_raw(kCount, raw)) return false;
  std::memcpy(bytes.data(), raw.data(), kCount);
  return true;
}

template <std::size_t kCount>
std::string_view view(const std::array<unsigned char, kCount>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> check_end(const ByteReader& reader, std::string_view what) {
  if (!reader.ok()) return corrupt(fmt::format("{} is too short", what));
  if (!reader.at_end()) return corrupt(fmt::format("{} is too long", what));
  return {};
}

}  // namespace

void encode_header(const FrameHeader& header, std::uint8_t* bytes) {
  store_number(bytes, 0, kFrameMagic);
  store_number(bytes, kAtVersion, kFrameVersion);
  store_number(bytes, kAtKind, static_cast<std::uint8_t>(header.kind));
  store_number(bytes, kAtReserved, std::uint16_t{0});
  store_number(bytes, kAtChannel, header.channel);
  store_number(bytes, kAtPayloadBytes, header.payload_bytes);
  store_number(bytes, kAtSequence, header.sequence);
  store_number(bytes, kAtChecksum, header.checksum);
}

Result<FrameHeader> decode_header(const std::uint8_t* bytes, std::uint32_t block_payload_bytes_max) {
  if (load_number<std::uint32_t>(bytes, 0) != kFrameMagic) return corrupt("wrong magic number");
  if (const auto version = load_number<std::uint8_t>(bytes, kAtVersion); version != kFrameVersion)
    return corrupt(fmt::format("version {} is not known", version));
  const auto kind = load_number<std::uint8_t>(bytes, kAtKind);
  if (kind < static_cast<std::uint8_t>(FrameKind::auth_start) ||
      kind > static_cast<std::uint8_t>(FrameKind::end_of_data))
    return corrupt(fmt::format("kind {} is not known", kind));
  if (load_number<std::uint16_t>(bytes, kAtReserved) != 0) return corrupt("a reserved byte is not zero");
  FrameHeader header;
  header.kind = static_cast<FrameKind>(kind);
  header.channel = load_number<std::uint32_t>(bytes, kAtChannel);
  header.payload_bytes = load_number<std::uint32_t>(bytes, kAtPayloadBytes);
  header.sequence = load_number<std::uint64_t>(bytes, kAtSequence);
  header.checksum = load_number<std::uint64_t>(bytes, kAtChecksum);
  const std::uint32_t bytes_max = is_block(header.kind) ? block_payload_bytes_max : kControlPayloadBytesMax;
  if (header.payload_bytes > bytes_max)
    return corrupt(fmt::format("payload of {} bytes, at most {}", header.payload_bytes, bytes_max));
  if (is_block(header.kind) && header.payload_bytes < sizeof(Block)) return corrupt("a block without its header");
  return header;
}

struct FrameChecksum::State {
  XXH3_state_t* xxh3 = nullptr;
};

FrameChecksum::FrameChecksum() : state_(new State{XXH3_createState()}) {
  ENSURE(state_->xxh3 != nullptr, "no memory for a checksum");
}

FrameChecksum::~FrameChecksum() {
  XXH3_freeState(state_->xxh3);
  delete state_;
}

void FrameChecksum::begin(const FrameHeader& header) {
  FrameHeader unsigned_header = header;
  unsigned_header.checksum = 0;
  std::uint8_t bytes[kFrameHeaderBytes];
  encode_header(unsigned_header, bytes);
  XXH3_64bits_reset(state_->xxh3);
  XXH3_64bits_update(state_->xxh3, bytes, sizeof bytes);
}

void FrameChecksum::add(const void* bytes, std::size_t count) {
  if (count > 0) XXH3_64bits_update(state_->xxh3, bytes, count);
}

std::uint64_t FrameChecksum::result() const { return XXH3_64bits_digest(state_->xxh3); }

std::array<std::uint8_t, sizeof(Block)> encode_block_header(const Block& block) {
  std::array<std::uint8_t, sizeof(Block)> bytes{};
  std::memcpy(bytes.data(), reinterpret_cast<const std::uint8_t*>(&block), offsetof(Block, capacity));
  return bytes;
}

Result<Block> decode_block_header(const std::uint8_t* bytes) {
  for (std::size_t at = offsetof(Block, capacity); at < sizeof(Block); ++at)
    if (bytes[at] != 0) return corrupt("a block's header has a reserved byte that is not zero");
  Block block;
  std::memcpy(reinterpret_cast<std::uint8_t*>(&block), bytes, offsetof(Block, capacity));
  return block;
}

BlockParts parts_of(Block& block) {
  BlockParts result;
  const auto add = [&result](void* bytes, std::size_t count) {
    if (count == 0) return;
    result.parts[result.count++] = {static_cast<std::uint8_t*>(bytes), count};
    result.bytes += count;
  };
  if (block.has_timestamps()) add(block.timestamps(), std::size_t{block.rows} * sizeof(std::int64_t));
  if (block.has_row_kinds()) add(block.row_kinds(), block.rows);
  add(block.fixed(), block.fixed_bytes);
  add(block.end() - block.text_bytes, block.text_bytes);
  return result;
}

std::string encode(const AuthStart& start) {
  ByteWriter writer;
  writer.put_raw(view(start.nonce));
  writer.put(start.slot);
  writer.put_text(start.task_manager_id);
  return writer.take();
}

std::string encode(const AuthChallenge& challenge) {
  ByteWriter writer;
  writer.put_raw(view(challenge.nonce));
  writer.put_raw(view(challenge.proof));
  return writer.take();
}

std::string encode(const OpenChannel& open) {
  ByteWriter writer;
  writer.put(open.key.edge);
  writer.put_raw(view(open.key.producer.bytes()));
  writer.put_raw(view(open.key.consumer.bytes()));
  writer.put(open.credit);
  return writer.take();
}

std::string encode(const CloseChannel& close) {
  ByteWriter writer;
  writer.put(close.reason);
  writer.put_text(std::string_view(close.text).substr(0, kCloseTextBytesMax));
  return writer.take();
}

Result<AuthStart> decode_auth_start(std::string_view payload) {
  ByteReader reader(payload);
  AuthStart start;
  std::string_view name;
  get_array(reader, start.nonce);
  reader.get(start.slot);
  reader.get_text(name);
  TRY_VOID(check_end(reader, "auth_start"));
  if (name.size() > 255) return corrupt("a TaskManager's name is too long");
  start.task_manager_id = name;
  return start;
}

Result<AuthChallenge> decode_auth_challenge(std::string_view payload) {
  ByteReader reader(payload);
  AuthChallenge challenge;
  get_array(reader, challenge.nonce);
  get_array(reader, challenge.proof);
  TRY_VOID(check_end(reader, "auth_challenge"));
  return challenge;
}

Result<OpenChannel> decode_open_channel(std::string_view payload) {
  ByteReader reader(payload);
  OpenChannel open;
  ExecutionId::Bytes producer{};
  ExecutionId::Bytes consumer{};
  reader.get(open.key.edge);
  get_array(reader, producer);
  get_array(reader, consumer);
  reader.get(open.credit);
  TRY_VOID(check_end(reader, "open_channel"));
  if (open.credit == 0) return corrupt("a channel without credit");
  open.key.producer = ExecutionId(producer);
  open.key.consumer = ExecutionId(consumer);
  return open;
}

Result<CloseChannel> decode_close_channel(std::string_view payload) {
  ByteReader reader(payload);
  std::uint8_t reason = 0;
  std::string_view text;
  reader.get(reason);
  reader.get_text(text);
  TRY_VOID(check_end(reader, "close_channel"));
  if (reason > static_cast<std::uint8_t>(CloseReason::given_up))
    return corrupt(fmt::format("close reason {} is not known", reason));
  return CloseChannel{static_cast<CloseReason>(reason), std::string(text.substr(0, kCloseTextBytesMax))};
}

Result<std::uint32_t> decode_credit(std::string_view payload) {
  ByteReader reader(payload);
  std::uint32_t credit = 0;
  reader.get(credit);
  TRY_VOID(check_end(reader, "credit"));
  return credit;
}

Result<std::int64_t> decode_watermark(std::string_view payload) {
  ByteReader reader(payload);
  std::int64_t ms = 0;
  reader.get(ms);
  TRY_VOID(check_end(reader, "watermark"));
  return ms;
}

}  // namespace weir::taskmanager
