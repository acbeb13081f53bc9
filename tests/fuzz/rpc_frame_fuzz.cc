// Any bytes into the decoder of RPC frames: it refuses or decodes, holds no more memory than promised, and what it
// decodes encodes to the same bytes again. The first byte of the input says in what pieces the rest arrives.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/rpc/error_codec.h"
#include "common/rpc/frame.h"

namespace {

constexpr std::size_t kPayloadBytesMax = 1024 * 1024;

void must(bool promise) {
  if (!promise) std::abort();
}

void check_frame(const weir::rpc::Frame& frame, std::string_view input) {
  const auto head = weir::rpc::encode_frame_header(frame.header, frame.payload);
  must(input.find(std::string_view(head.data(), head.size())) != std::string_view::npos);
  if (frame.header.kind == weir::rpc::FrameKind::error) (void)weir::rpc::decode_error(frame.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece_bytes = data[0] == 0 ? size : data[0];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  weir::rpc::FrameDecoder decoder(kPayloadBytesMax);
  std::string_view rest = input;
  while (!rest.empty()) {
    const auto space = decoder.writable();
    const std::size_t count = std::min({piece_bytes, rest.size(), space.size()});
    std::memcpy(space.data(), rest.data(), count);
    decoder.commit(count);
    rest.remove_prefix(count);
    must(decoder.capacity_bytes() <= 2 * size + weir::rpc::FrameDecoder::kReadBytes);
    while (true) {
      const auto frame = decoder.next();
      if (!frame.ok()) return 0;
      if (!frame.value().has_value()) break;
      check_frame(*frame.value(), input);
    }
  }
  return 0;
}
