#include "taskmanager/exchange/frame_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "taskmanager/exchange/channel_proof.h"
#include "tests/support/engine_operators.h"
#include "tests/support/heap_pool.h"
#include "tests/support/seed.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

constexpr std::uint32_t kBytesMax = 256 * 1024;

RowLayout text_layout() {
  RowLayout layout;
  layout.stride = 24;
  layout.text_refs = {8};
  layout.bool_bytes = {16};
  layout.schema_id = 7;
  return layout;
}

/// Frames one after the other, as a connection sends them.
class FrameBytes {
 public:
  FrameBytes& add(FrameKind kind, std::uint32_t channel, const std::string& payload) {
    FrameHeader header{.kind = kind,
                       .channel = channel,
                       .payload_bytes = static_cast<std::uint32_t>(payload.size()),
                       .sequence = sequence_++};
    FrameChecksum checksum;
    checksum.begin(header);
    checksum.add(payload.data(), payload.size());
    header.checksum = checksum.result();
    std::string head(kFrameHeaderBytes, '\0');
    encode_header(header, reinterpret_cast<std::uint8_t*>(head.data()));
    bytes += head + payload;
    return *this;
  }
  FrameBytes& add_block(std::uint32_t channel, Block& block) {
    return add(FrameKind::block, channel, payload_of(block));
  }
  static std::string payload_of(Block& block) {
    const auto header = encode_block_header(block);
    std::string payload(reinterpret_cast<const char*>(header.data()), header.size());
    const BlockParts parts = parts_of(block);
    for (std::size_t part = 0; part < parts.count; ++part)
      payload.append(reinterpret_cast<const char*>(parts.parts[part].bytes), parts.parts[part].count);
    return payload;
  }
  FrameBytes& add_packed(std::uint32_t channel, Block& block) {
    return add(FrameKind::packed_block, channel, packed_payload_of(block));
  }
  static std::string packed_payload_of(Block& block) {
    const auto header = encode_block_header(block);
    std::string packed(parts_of(block).bytes, '\0');
    packed.resize(BlockPacker().pack(parts_of(block), reinterpret_cast<std::uint8_t*>(packed.data())));
    REQUIRE(!packed.empty());
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + packed;
  }
  std::string bytes;

 private:
  std::uint64_t sequence_ = 0;
};

struct Recorder final : FrameSink {
  BlockTarget block_target(std::uint32_t channel) override {
    if (channel == 1 && asked++ < asked_max) return {BlockTarget::Kind::accept, &layout};
    if (channel == 1) return {BlockTarget::Kind::discard, nullptr};
    if (channel == 2) return {BlockTarget::Kind::discard, nullptr};
    return {};
  }
  Result<void> on_frame(const FrameHeader& header, std::string_view payload) override {
    lines.push_back(std::to_string(static_cast<int>(header.kind)) + ":" + std::to_string(header.channel) + ":" +
                    std::to_string(payload.size()));
    return {};
  }
  Result<void> on_block(std::uint32_t channel, Block* block) override {
    std::string line = "rows:" + std::to_string(channel);
    for (std::uint32_t row = 0; row < block->rows; ++row) {
      TextRef ref;
      std::memcpy(&ref, block->row(row) + 8, sizeof ref);
      line += ":" + std::string(block->text(ref));
      if (block->has_timestamps()) line += "@" + std::to_string(block->timestamps()[row]);
    }
    lines.push_back(line);
    block->home->give(block);
    return {};
  }
  const RowLayout layout = text_layout();
  std::vector<std::string> lines;
  int asked = 0;
  int asked_max = 1'000'000;  // then channel 1 closes
};

Block* block_of(BlockPool& pool, const std::vector<std::string>& texts, std::uint8_t flags = 0) {
  const RowLayout layout = text_layout();
  std::size_t total = 0;
  for (const auto& text : texts) total += text.size();
  Block* const block = pool.take(
      block_capacity_for(static_cast<std::uint32_t>(layout.stride * texts.size()), static_cast<std::uint32_t>(total)));
  block->reset(layout, flags);
  for (const auto& text : texts) {
    block->text_bytes += static_cast<std::uint32_t>(text.size());
    std::memcpy(block->end() - block->text_bytes, text.data(), text.size());
    const TextRef ref{block->text_bytes, static_cast<std::uint32_t>(text.size())};
    std::memset(block->row(block->rows), 0, layout.stride);
    std::memcpy(block->row(block->rows) + 8, &ref, sizeof ref);
    if ((flags & kBlockTimestamps) != 0) block->timestamps()[block->rows] = 10 + block->rows;
    if ((flags & kBlockRowKinds) != 0) block->row_kinds()[block->rows] = RowKind::erase;
    ++block->rows;
    block->fixed_bytes += layout.stride;
  }
  return block;
}

/// Feeds bytes in pieces. @return  the error's message, or empty
std::string feed(const std::string& bytes, std::size_t piece_max, Recorder& recorder, HeapPool& pool,
                 std::mt19937* random = nullptr) {
  FrameReader reader(pool, kBytesMax);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = random != nullptr ? 1 + (*random)() % piece_max : piece_max;
    iovec targets[FrameReader::kTargetsMax];
    const int count = reader.targets(targets);
    std::size_t moved = 0;
    for (int index = 0; index < count && at < bytes.size() && moved < piece; ++index) {
      const std::size_t step = std::min({targets[index].iov_len, bytes.size() - at, piece - moved});
      std::memcpy(targets[index].iov_base, bytes.data() + at, step);
      at += step;
      moved += step;
    }
    if (auto result = reader.received(moved, recorder); !result.ok()) return result.error().message;
  }
  return reader.is_at_frame_border() ? "" : "unfinished";
}

std::string feed(const std::string& bytes) {
  HeapPool pool;
  Recorder recorder;
  auto message = feed(bytes, SIZE_MAX, recorder, pool);
  CHECK(pool.out() == 0);
  return message;
}

}  // namespace

TEST_CASE("frame_reader: frames and blocks come whole and in order, in whatever pieces their bytes come") {
  std::mt19937 random(seed());
  CAPTURE(seed());
  HeapPool pool;
  FrameBytes frames;
  std::vector<std::string> expected;
  for (int index = 0; index < 12; ++index) {
    frames.add(FrameKind::credit, 3, "abcd");
    expected.push_back("6:3:4");
    const bool has_times = index % 2 == 0;
    Block* const block = block_of(pool, {"one", std::string(static_cast<std::size_t>(index) * 3000, 'x'), ""},
                                  has_times ? kBlockTimestamps | kBlockRowKinds : 0);
    frames.add_block(1, *block);
    frames.add_block(2, *block);  // discarded
    std::string packed;
    pool.give(block);
    if (index > 1 && index < 11) {
      Block* const text =
          block_of(pool, {std::string(static_cast<std::size_t>(index) * 3000, 'y')}, has_times ? kBlockTimestamps : 0);
      frames.add_packed(2, *text).add_packed(1, *text);
      pool.give(text);
      packed = "rows:1:" + std::string(static_cast<std::size_t>(index) * 3000, 'y') + (has_times ? "@10" : "");
    }
    expected.push_back(has_times
                           ? "rows:1:one@10:" + std::string(static_cast<std::size_t>(index) * 3000, 'x') + "@11:@12"
                           : "rows:1:one:" + std::string(static_cast<std::size_t>(index) * 3000, 'x') + ":");
    if (!packed.empty()) expected.push_back(packed);
  }
  Block* const empty = block_of(pool, {});
  frames.add_block(1, *empty).add(FrameKind::end_of_partition, 1, "");
  pool.give(empty);
  expected.push_back("rows:1");
  expected.push_back("8:1:0");
  for (const std::size_t piece_max : {std::size_t{1}, std::size_t{40}, std::size_t{5000}, std::size_t{100'000}}) {
    Recorder recorder;
    CHECK(feed(frames.bytes, piece_max, recorder, pool, &random) == "");
    CHECK(recorder.lines == expected);
  }
  CHECK(pool.out() == 0);
}

TEST_CASE("frame_reader: a block whose channel closes while it is on its way is dropped, and the next frame is read") {
  HeapPool pool;
  Block* const block = block_of(pool, {std::string(9000, 'z')});
  for (const bool is_packed : {false, true}) {
    FrameBytes frames;
    is_packed ? frames.add_packed(1, *block) : frames.add_block(1, *block);
    frames.add(FrameKind::credit, 3, "abcd");
    Recorder recorder;
    recorder.asked_max = 1;  // accepted when its header came, not any more when it is whole
    CHECK(feed(frames.bytes, 100, recorder, pool) == "");
    CHECK(recorder.lines == std::vector<std::string>{"6:3:4"});
    CHECK(pool.out() == 1);
  }
  pool.give(block);
}

TEST_CASE("frame_reader: every single flipped bit is noticed") {
  HeapPool pool;
  Block* const block = block_of(pool, {"hello", "world"}, kBlockTimestamps);
  FrameBytes frames;
  frames.add(FrameKind::watermark, 1, std::string(8, '\1')).add_block(1, *block);
  pool.give(block);
  for (std::size_t bit = 0; bit < frames.bytes.size() * 8; ++bit) {
    std::string bytes = frames.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    CAPTURE(bit);
    CHECK(feed(bytes) != "");
  }
}

TEST_CASE("frame_reader: a truncated stream gives what was whole and holds no block afterwards") {
  HeapPool pool;
  Block* const block = block_of(pool, {"hello"});
  FrameBytes frames;
  frames.add_block(1, *block);
  pool.give(block);
  for (std::size_t size = 1; size < frames.bytes.size(); ++size)
    CHECK(feed(frames.bytes.substr(0, size)) == "unfinished");
}

TEST_CASE("frame_reader: refuses what no peer of ours sends, naming it") {
  HeapPool pool;
  const auto block_frame = [&](const std::function<void(Block&)>& change, std::size_t payload_more = 0) {
    Block* const block = block_of(pool, {"hello", "x"});
    std::string payload = FrameBytes::payload_of(*block);
    Block header = *block;
    header.capacity = 0;
    header.home = nullptr;
    header.link = nullptr;
    change(header);
    std::memcpy(payload.data(), reinterpret_cast<const char*>(&header), sizeof header);
    pool.give(block);
    return FrameBytes().add(FrameKind::block, 1, payload + std::string(payload_more, '\0')).bytes;
  };
  CHECK(feed(FrameBytes().add(FrameKind::block, 9, std::string(64, '\0')).bytes) ==
        "data frame: rows for channel 9, which does not exist");
  CHECK(feed(FrameBytes().add(FrameKind::block, 1, std::string(63, '\0')).bytes) ==
        "data frame: a block without its header");
  CHECK(feed(FrameBytes().add(FrameKind::credit, 1, std::string(513, '\0')).bytes) ==
        "data frame: payload of 513 bytes, at most 512");
  CHECK(feed(FrameBytes().add(FrameKind::block, 1, std::string(kBytesMax + 10'000, '\0')).bytes).find("at most") !=
        std::string::npos);
  CHECK(feed(block_frame([](Block&) {}, 1)).find("does not fit the block") != std::string::npos);
  CHECK(feed(block_frame([](Block& header) { header.capacity = 1; })).find("reserved byte") != std::string::npos);
  CHECK(feed(block_frame([](Block& header) { header.rows = 1025; })).find("1025 rows") != std::string::npos);
  CHECK(feed(block_frame([](Block& header) { header.rows = 3; })) != "");
  CHECK(feed(block_frame([](Block& header) { header.stride = 0; })) != "");
  CHECK(feed(block_frame([](Block& header) { header.schema_id = 8; })).find("schema 8") != std::string::npos);
  CHECK(feed(block_frame([](Block& header) { header.fixed_bytes = 0xffffffff; })) != "");
  CHECK(feed(block_frame([](Block& header) { header.text_bytes = 0xffffffff; })) != "");
  CHECK(feed(block_frame([](Block& header) { header.flags = 0x40; })) != "");
  CHECK(feed(block_frame([](Block& header) { header.layout = BlockLayout::columns; })) != "");
  // Contents: a reference outside the text, a bool that is none.
  const auto with_row_byte = [&](std::size_t at, char value) {
    Block* const block = block_of(pool, {"hello", "x"});
    block->row(0)[at] = static_cast<std::uint8_t>(value);
    auto bytes = FrameBytes().add_block(1, *block).bytes;
    pool.give(block);
    return bytes;
  };
  CHECK(feed(with_row_byte(8, 100)).find("text outside") != std::string::npos);
  CHECK(feed(with_row_byte(12, 100)).find("text outside") != std::string::npos);
  CHECK(feed(with_row_byte(16, 2)).find("bool") != std::string::npos);
  CHECK(feed(with_row_byte(16, 1)) == "");
  // A frame that is missing.
  auto frames = FrameBytes().add(FrameKind::credit, 1, "abcd").add(FrameKind::credit, 1, "abcd").bytes;
  CHECK(feed(frames.substr(36)) == "data frame: frame 1 where 0 was expected");
}

TEST_CASE(
    "frame_reader: a packed block that is not what its header promises is refused, and memory is taken for none") {
  HeapPool pool;
  const auto packed_frame = [&](const std::function<void(Block&, std::string&)>& change) {
    Block* const block = block_of(pool, {std::string(2000, 'x'), "y"});
    std::string payload = FrameBytes::packed_payload_of(*block);
    pool.give(block);
    Block header;
    std::memcpy(reinterpret_cast<char*>(&header), payload.data(), sizeof header);
    std::string packed = payload.substr(sizeof header);
    change(header, packed);
    return FrameBytes()
        .add(FrameKind::packed_block, 1, std::string(reinterpret_cast<const char*>(&header), sizeof header) + packed)
        .bytes;
  };
  CHECK(feed(packed_frame([](Block&, std::string&) {})) == "");
  CHECK(feed(packed_frame([](Block&, std::string& packed) { packed.clear(); })).find("does not fit the block") !=
        std::string::npos);
  CHECK(feed(packed_frame([](Block&, std::string& packed) {
          packed.assign(4000, '\0');
        })).find("does not fit the block") != std::string::npos);
  CHECK(feed(packed_frame([](Block&, std::string& packed) { packed.pop_back(); })).find("can't be unpacked") !=
        std::string::npos);
  CHECK(feed(packed_frame([](Block&, std::string& packed) { packed += '\0'; })).find("can't be unpacked") !=
        std::string::npos);
  CHECK(feed(packed_frame([](Block&, std::string& packed) { packed[0] = '\xff'; })).find("can't be unpacked") !=
        std::string::npos);
  CHECK(feed(packed_frame([](Block& header, std::string&) { header.text_bytes += 1; })).find("can't be unpacked") !=
        std::string::npos);
  CHECK(feed(packed_frame([](Block& header, std::string&) {
          header.text_bytes = 100'000;
        })).find("does not fit the block") != std::string::npos);
  CHECK(feed(packed_frame([](Block& header, std::string&) { header.text_bytes -= 1; })) != "");
  std::mt19937 random(seed());
  CAPTURE(seed());
  for (int round = 0; round < 2000; ++round)
    feed(packed_frame(
        [&](Block&, std::string& packed) { packed[random() % packed.size()] = static_cast<char>(random()); }));
}

TEST_CASE("data_frame: payloads survive the round trip, and shorter or longer ones are refused") {
  AuthStart start;
  start.nonce.fill(3);
  start.slot = 9;
  start.task_manager_id = "tm-7";
  const auto start_bytes = encode(start);
  REQUIRE(decode_auth_start(start_bytes).ok());
  CHECK(decode_auth_start(start_bytes)->task_manager_id == "tm-7");
  CHECK(decode_auth_start(start_bytes)->slot == 9);
  OpenChannel open{{4, ExecutionId::random(), ExecutionId::random()}, 11};
  const auto open_bytes = encode(open);
  REQUIRE(decode_open_channel(open_bytes).ok());
  CHECK(decode_open_channel(open_bytes)->key == open.key);
  CHECK(decode_open_channel(open_bytes)->credit == 11);
  CHECK(!decode_open_channel(encode(OpenChannel{open.key, 0})).ok());
  const auto close_bytes = encode(CloseChannel{CloseReason::given_up, std::string(1000, 'x')});
  CHECK(close_bytes.size() <= kControlPayloadBytesMax);
  CHECK(decode_close_channel(close_bytes)->text.size() == 400);
  const auto refuses = [](const std::string& bytes, auto decode) {
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK(!decode(std::string_view(bytes).substr(0, size)).ok());
    CHECK(!decode(bytes + "x").ok());
  };
  refuses(start_bytes, [](std::string_view bytes) { return decode_auth_start(bytes); });
  refuses(open_bytes, [](std::string_view bytes) { return decode_open_channel(bytes); });
  refuses(close_bytes, [](std::string_view bytes) { return decode_close_channel(bytes); });
  refuses(encode(AuthChallenge{}), [](std::string_view bytes) { return decode_auth_challenge(bytes); });
  refuses(std::string(4, '\1'), [](std::string_view bytes) { return decode_credit(bytes); });
  refuses(std::string(8, '\1'), [](std::string_view bytes) { return decode_watermark(bytes); });
}

TEST_CASE("channel_proof: a proof is good for one side, one secret and exactly these facts") {
  ProofFacts facts{.job = JobId::random(),
                   .producer_slot = 1,
                   .consumer_slot = 2,
                   .producer_nonce = make_nonce(),
                   .consumer_nonce = make_nonce()};
  const std::string secret(32, 's');
  const auto proof = make_proof(secret, ProvingSide::producer, facts);
  CHECK(is_proof(secret, ProvingSide::producer, facts, proof));
  CHECK(!is_proof(secret, ProvingSide::consumer, facts, proof));
  CHECK(!is_proof(std::string(32, 't'), ProvingSide::producer, facts, proof));
  CHECK(facts.producer_nonce != make_nonce());
  const auto differs = [&](auto change) {
    ProofFacts other = facts;
    change(other);
    return !is_proof(secret, ProvingSide::producer, other, proof);
  };
  CHECK(differs([](ProofFacts& other) { other.job = JobId::random(); }));
  CHECK(differs([](ProofFacts& other) { ++other.producer_slot; }));
  CHECK(differs([](ProofFacts& other) { ++other.consumer_slot; }));
  CHECK(differs([](ProofFacts& other) { ++other.producer_nonce[31]; }));
  CHECK(differs([](ProofFacts& other) { ++other.consumer_nonce[0]; }));
}
