// Bytes of a data connection: whatever comes, the reader answers frames or an error, reads nothing outside, and gives
// back every block.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "taskmanager/exchange/data_connection.h"
#include "taskmanager/exchange/frame_reader.h"
#include "tests/support/heap_pool.h"

namespace {

using namespace weir;
using namespace weir::taskmanager;

RowLayout text_layout() {
  RowLayout layout;
  layout.stride = 24;
  layout.text_refs = {8};
  layout.bool_bytes = {16};
  layout.schema_id = 7;
  return layout;
}

class Sink final : public FrameSink {
 public:
  BlockTarget block_target(std::uint32_t channel) override {
    if (channel == 1) return {BlockTarget::Kind::accept, &layout_};
    if (channel == 2) return {BlockTarget::Kind::discard, nullptr};
    return {};
  }
  Result<void> on_frame(const FrameHeader& header, std::string_view payload) override {
    // All decoders see all payloads: what kind a frame claims to be says nothing about its bytes.
    (void)decode_auth_start(payload).ok();
    (void)decode_auth_challenge(payload).ok();
    (void)decode_open_channel(payload).ok();
    (void)decode_close_channel(payload).ok();
    (void)decode_credit(payload).ok();
    (void)decode_watermark(payload).ok();
    if (header.channel == 0xdead) return Error::external(ErrorCode::corrupt, "refused");
    return {};
  }
  Result<void> on_block(std::uint32_t, Block* block) override {
    // Every byte that the rows refer to can be read.
    volatile unsigned sum = 0;
    for (std::uint32_t row = 0; row < block->rows; ++row) {
      TextRef ref;
      std::memcpy(&ref, block->row(row) + 8, sizeof ref);
      for (const char byte : block->text(ref)) sum = sum + static_cast<unsigned char>(byte);
    }
    block->home->give(block);
    return {};
  }

 private:
  const RowLayout layout_ = text_layout();
};

/// Puts right what a mutation breaks at once, so that it gets past the first checks: sequence numbers and checksums.
void mend(std::uint8_t* data, std::size_t size) {
  std::uint64_t sequence = 0;
  for (std::size_t at = 0; at + kFrameHeaderBytes <= size;) {
    std::memcpy(data + at + 16, &sequence, sizeof sequence);
    const auto header = decode_header(data + at, 1u << 20);
    if (!header.ok() || header->payload_bytes > size - at - kFrameHeaderBytes) return;
    FrameChecksum checksum;
    checksum.begin(*header);
    checksum.add(data + at + kFrameHeaderBytes, header->payload_bytes);
    const std::uint64_t result = checksum.result();
    std::memcpy(data + at + 24, &result, sizeof result);
    at += kFrameHeaderBytes + header->payload_bytes;
    ++sequence;
  }
}

void feed(const std::uint8_t* data, std::size_t size, std::size_t piece) {
  test::HeapPool pool;
  {
    Sink sink;
    FrameReader reader(pool, 64 * 1024);
    for (std::size_t at = 0; at < size;) {
      iovec targets[FrameReader::kTargetsMax];
      const int count = reader.targets(targets);
      std::size_t moved = 0;
      for (int index = 0; index < count && at < size && moved < piece; ++index) {
        const std::size_t bytes = std::min({targets[index].iov_len, size - at, piece - moved});
        std::memcpy(targets[index].iov_base, data + at, bytes);
        at += bytes;
        moved += bytes;
        if (bytes < targets[index].iov_len) break;
      }
      if (!reader.received(moved, sink).ok()) break;
    }
  }
  if (pool.out() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte says in what pieces the rest comes and whether it is mended.
  const std::size_t piece = (data[0] & 0x7f) == 0 ? SIZE_MAX : std::size_t{data[0] & 0x7fu} * 7;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 0x80) != 0) mend(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
  feed(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), piece);
  return 0;
}
