#include "common/rpc/frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "common/base/checksum.h"
#include "common/base/hex.h"
#include "common/rpc/backoff.h"
#include "common/rpc/error_codec.h"

namespace weir::rpc {
namespace {

constexpr std::size_t kPayloadBytesMax = 100'000;

FrameHeader some_header() {
  FrameHeader header;
  header.kind = FrameKind::response;
  header.method = std::uint16_t{0x0102};
  header.remaining_ms = 0x11121314;
  header.call_id = 0x2122232425262728;
  header.leader_epoch = 0x3132333435363738;
  return header;
}

std::string frame_of(const FrameHeader& header, std::string_view payload) {
  const auto head = encode_frame_header(header, payload);
  return std::string(head.data(), head.size()) + std::string(payload);
}

/// Puts the right checksum into a frame whose header a test has changed.
std::string with_checksum(std::string frame) {
  const std::string_view all = frame;
  const auto digest = xxh3_64(all.substr(kFrameHeaderBytes), xxh3_64(all.substr(0, 32)));
  std::memcpy(frame.data() + 32, &digest, sizeof digest);
  return frame;
}

void feed(FrameDecoder& decoder, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto space = decoder.writable();
    const auto count = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), count);
    decoder.commit(count);
    bytes.remove_prefix(count);
  }
}

Result<std::optional<Frame>> decode(std::string_view bytes) {
  FrameDecoder decoder(kPayloadBytesMax);
  feed(decoder, bytes);
  return decoder.next();
}

TEST_CASE("frame: the bytes are those of the format, since another release reads them") {
  const auto bytes = frame_of(some_header(), "weir");
  const std::string_view head = std::string_view(bytes).substr(0, 32);
  CHECK(to_hex(std::span(reinterpret_cast<const unsigned char*>(head.data()), head.size())) ==
        "57525043"            // "WRPC"
        "04000000"            // payload bytes
        "03000201"            // kind, flags, method
        "14131211"            // remaining ms
        "2827262524232221"    // call id
        "3837363534333231");  // leader epoch
  CHECK(bytes.substr(kFrameHeaderBytes) == "weir");
  CHECK(with_checksum(bytes) == bytes);
}

TEST_CASE("frame: what was encoded is decoded, one after the other, however the bytes are cut") {
  std::mt19937 random(20261125);
  std::string stream;
  std::vector<std::pair<FrameHeader, std::string>> expected;
  for (int count = 0; count < 60; ++count) {
    auto header = some_header();
    header.kind = static_cast<FrameKind>(1 + random() % 5);
    header.call_id = random();
    std::string payload(count % 10 == 0 ? random() % kPayloadBytesMax : random() % 100,
                        static_cast<char>('a' + count % 26));
    stream += frame_of(header, payload);
    expected.emplace_back(header, std::move(payload));
  }
  for (const std::size_t piece_max :
       {std::size_t{1}, std::size_t{7}, std::size_t{41}, std::size_t{5000}, stream.size()}) {
    CAPTURE(piece_max);
    FrameDecoder decoder(kPayloadBytesMax);
    std::size_t decoded = 0;
    std::string_view rest = stream;
    while (!rest.empty()) {
      const auto count = std::min<std::size_t>(rest.size(), 1 + random() % piece_max);
      feed(decoder, rest.substr(0, count));
      rest.remove_prefix(count);
      while (true) {
        auto frame = decoder.next();
        REQUIRE(frame.ok());
        if (!frame.value().has_value()) break;
        REQUIRE(decoded < expected.size());
        CHECK(frame.value()->header == expected[decoded].first);
        CHECK(frame.value()->payload == expected[decoded].second);
        ++decoded;
      }
    }
    CHECK(decoded == expected.size());
    CHECK(decoder.is_between_frames());
  }
}

TEST_CASE("frame: every cut of a frame needs more bytes and is no error") {
  const auto bytes = frame_of(some_header(), "payload");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto frame = decode(std::string_view(bytes).substr(0, length));
    CAPTURE(length);
    CHECK((frame.ok() && !frame.value().has_value()));
  }
}

TEST_CASE("frame: every flipped bit is noticed") {
  const auto good = frame_of(some_header(), "payload");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const auto frame = decode(bytes);
    CAPTURE(bit);
    CHECK((!frame.ok() || !frame.value().has_value()));  // refused, or a longer length waits for more
  }
}

TEST_CASE("frame: headers that are none of ours are refused, each for its reason") {
  struct Case {
    const char* what;
    std::function<void(std::string&)> change;
    ErrorCode code;
    const char* words;
  };
  const std::vector<Case> cases{
      {"first byte", [](std::string& bytes) { bytes[0] = 'X'; }, ErrorCode::corrupt, "no Weir RPC frame"},
      {"last byte of the magic", [](std::string& bytes) { bytes[3] = 'c'; }, ErrorCode::corrupt, "no Weir RPC frame"},
      {"kind 0", [](std::string& bytes) { bytes[8] = 0; }, ErrorCode::corrupt, "unknown kind of frame: 0"},
      {"kind 9", [](std::string& bytes) { bytes[8] = 9; }, ErrorCode::corrupt, "unknown kind of frame: 9"},
      {"kind 255", [](std::string& bytes) { bytes[8] = '\xff'; }, ErrorCode::corrupt, "unknown kind of frame: 255"},
      {"a flag", [](std::string& bytes) { bytes[9] = 1; }, ErrorCode::corrupt, "unknown flags in a frame: 0x1"},
      {"all flags", [](std::string& bytes) { bytes[9] = '\xff'; }, ErrorCode::corrupt,
       "unknown flags in a frame: 0xff"},
      {"a shorter length", [](std::string& bytes) { bytes[4] = 3; }, ErrorCode::corrupt, "checksum mismatch"},
      {"checksum", [](std::string& bytes) { bytes[39] ^= 1; }, ErrorCode::corrupt, "checksum mismatch"},
      {"one byte too long",
       [](std::string& bytes) {
    const std::uint32_t length = kPayloadBytesMax + 1;
    std::memcpy(bytes.data() + 4, &length, 4);
       },
       ErrorCode::resource_exhausted, "frame too long: 100001 bytes, at most 100000"},
      {"4 GiB", [](std::string& bytes) { std::memcpy(bytes.data() + 4, "\xff\xff\xff\xff", 4); },
       ErrorCode::resource_exhausted, "frame too long: 4294967295 bytes"},
      };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    auto bytes = frame_of(some_header(), "payload");
    each.change(bytes);
    if (std::string_view(each.words) != "checksum mismatch") bytes = with_checksum(bytes);
    const auto frame = decode(bytes);
    REQUIRE_FALSE(frame.ok());
    CHECK(frame.error().code == each.code);
    CHECK(frame.error().blame == Blame::external);
    CHECK(frame.error().message.find(each.words) != std::string::npos);
  }
}

TEST_CASE("frame: other protocols are refused by their first bytes, before a header is complete") {
  for (const std::string_view bytes :
       {std::string_view("GET / HTTP/1.0\r\n\r\n"), std::string_view("\x16\x03\x01\x02\x00", 5), std::string_view("P"),
        std::string_view("\0", 1), std::string_view("WRPc")}) {
    CHECK_FALSE(decode(bytes).ok());
  }
  CHECK(decode("GET /\x1b[2J").error().message == "no Weir RPC frame; it begins with \"GET /\\x1b[2J\"");
}

TEST_CASE("frame: a header that claims the most allowed costs memory only for what comes") {
  FrameDecoder decoder(64u << 20);
  auto bytes = frame_of(some_header(), "");
  const std::uint32_t claimed = 64u << 20;
  std::memcpy(bytes.data() + 4, &claimed, sizeof claimed);
  feed(decoder, bytes);
  std::size_t given = bytes.size();
  for (int round = 0; round < 50; ++round) {
    const auto frame = decoder.next();
    REQUIRE((frame.ok() && !frame.value().has_value()));
    feed(decoder, std::string(10'000, 'x'));
    given += 10'000;
    CHECK(decoder.capacity_bytes() <= 2 * given + FrameDecoder::kReadBytes);
  }
}

TEST_CASE("frame: the memory of a large frame is given back") {
  FrameDecoder decoder(64u << 20);
  feed(decoder, frame_of(some_header(), std::string(20'000'000, 'x')));
  CHECK(decoder.next().value()->payload.size() == 20'000'000);
  (void)decoder.writable();
  CHECK(decoder.capacity_bytes() <= 1024 * 1024);
}

TEST_CASE("frame: seeded mutations never crash, never allocate beyond the bound, and never pass as another frame") {
  const std::uint32_t seed = 20261125;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto good = frame_of(some_header(), "some payload of a frame") + frame_of(some_header(), "");
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int change = 0; change < changes; ++change) {
      const auto at = random() % (bytes.size() + 1);
      switch (random() % 4) {
        case 0:
          if (at < bytes.size()) bytes[at] = static_cast<char>(random());
          break;
        case 1: bytes.insert(at, 1 + random() % 9, static_cast<char>(random())); break;
        case 2: bytes.erase(at, random() % 9); break;
        case 3: bytes.resize(at); break;
      }
    }
    FrameDecoder decoder(kPayloadBytesMax);
    feed(decoder, bytes);
    while (true) {
      const auto frame = decoder.next();
      if (!frame.ok() || !frame.value().has_value()) break;
      const bool is_known = frame.value()->header == some_header() &&
                            (frame.value()->payload.empty() || frame.value()->payload == "some payload of a frame");
      CHECK(is_known);
    }
    CHECK(decoder.capacity_bytes() <= 2 * bytes.size() + FrameDecoder::kReadBytes);
  }
}

TEST_CASE("error_codec: code, blame and words survive the way, for every code") {
  for (int code = static_cast<int>(ErrorCode::unknown); code <= static_cast<int>(ErrorCode::internal); ++code) {
    for (const Blame blame : {Blame::user, Blame::external, Blame::internal}) {
      const Error sent{static_cast<ErrorCode>(code), blame, "words"};
      const Error received = decode_error(encode_error(sent));
      CHECK(received.code == sent.code);
      CHECK(received.blame == sent.blame);
      CHECK(received.message == sent.message);
    }
  }
}

TEST_CASE("error_codec: a message beyond the limit is cut at a character, garbage becomes an error") {
  Error long_one = Error::internal(std::string(kErrorMessageBytesMax - 1, 'a') + "ä and more");
  CHECK(decode_error(encode_error(long_one)).message == std::string(kErrorMessageBytesMax - 1, 'a'));
  CHECK(decode_error("\xff\xff\xff").code == ErrorCode::corrupt);
  CHECK(decode_error("").code == ErrorCode::unknown);
  CHECK(decode_error(std::string("\x08\x63", 2)).code == ErrorCode::unknown);  // code 99
}

TEST_CASE("backoff: pauses double between the bounds, jitter takes at most half, reset begins anew") {
  using std::chrono::milliseconds;
  Backoff backoff(milliseconds(10), milliseconds(1000), 7);
  for (int round = 0; round < 2; ++round) {
    int expected = 10;
    for (int count = 0; count < 20; ++count) {
      const auto pause = backoff.next();
      CHECK(pause <= milliseconds(expected));
      CHECK(pause >= milliseconds(expected / 2));
      expected = std::min(1000, expected * 2);
    }
    backoff.reset();
  }
  Backoff one(milliseconds(1000), milliseconds(1000), 1);
  Backoff other(milliseconds(1000), milliseconds(1000), 2);
  CHECK(one.next() != other.next());
}

}  // namespace
}  // namespace weir::rpc
