#include "weir/block_check.h"

#include <doctest/doctest.h>

#include <cstddef>

#include <functional>
#include <random>

#include "tests/support/heap_pool.h"
#include "tests/unit/api/records.h"
#include "weir/row_codec.h"

using namespace weir;
using namespace weir::test;

namespace {

struct Flagged {
  bool flag = false;
  Text text;
  std::optional<std::int64_t> number;
};

/// A good block of three rows, changed by `spoil`.
std::string verdict(const std::function<void(Block&)>& spoil, std::uint8_t flags = 0) {
  HeapPool pool;
  Block* block = pool.take(kBlockCapacity);
  block->reset(RowCodec<Flagged>::layout(), flags);
  for (int i = 0; i < 3; ++i) {
    if (block->has_row_kinds()) block->row_kinds()[i] = RowKind::insert;
    REQUIRE(RowCodec<Flagged>::append({true, "text", 7}, *block));
  }
  spoil(*block);
  const auto result = check_block(*block, RowCodec<Flagged>::layout());
  pool.give(block);
  return result.ok() ? "good" : result.error().message;
}

void set_ref(Block& block, std::uint32_t row, TextRef ref) {
  std::memcpy(block.row(row) + RowCodec<Flagged>::layout().text_refs[0], &ref, sizeof ref);
}

}  // namespace

TEST_CASE("block_check: good blocks are good") {
  CHECK(verdict([](Block&) {}) == "good");
  CHECK(verdict([](Block&) {}, kBlockTimestamps) == "good");
  CHECK(verdict([](Block&) {}, kBlockTimestamps | kBlockRowKinds) == "good");
  CHECK(verdict([](Block& block) { block.reset(RowCodec<Flagged>::layout(), 0); }) == "good");
}

TEST_CASE("block_check: every header field that is wrong is named") {
  CHECK(verdict([](Block& b) { b.magic = 1; }) == "block: wrong magic number");
  CHECK(verdict([](Block& b) { b.version = 9; }) == "block: version 9 is not known");
  CHECK(verdict([](Block& b) { b.layout = BlockLayout::columns; }) == "block: layout 2 is not rows");
  CHECK(verdict([](Block& b) { b.flags = 4; }) == "block: flags 4 are not known");
  CHECK(verdict([](Block& b) { b.flags = 128; }) == "block: flags 128 are not known");
  CHECK(verdict([](Block& b) { b.schema_id ^= 1; }).starts_with("block: schema "));
  CHECK(verdict([](Block& b) { b.rows = 1025; }) == "block: 1025 rows, at most 1024");
  CHECK(verdict([](Block& b) { b.stride += 8; }).starts_with("block: stride "));
  CHECK(verdict([](Block& b) { b.fixed_bytes += 1; }).find("bytes of rows for 3 rows") != std::string::npos);
  CHECK(verdict([](Block& b) { b.fixed_bytes = 0; }).find("bytes of rows for 3 rows") != std::string::npos);
  CHECK(verdict([](Block& b) { b.text_bytes = b.capacity; }).find("at most") != std::string::npos);
  CHECK(verdict([](Block& b) { b.text_bytes = UINT32_MAX; }).find("at most") != std::string::npos);
  CHECK(verdict([](Block& b) {
          b.rows = 0;
          b.fixed_bytes = 0;
        }) == "block: text without rows");
  CHECK(verdict([](Block& b) { b.capacity = 100; }, kBlockTimestamps) == "block: shorter than its own prefix");
}

TEST_CASE("block_check: a text outside the block's text is found in any row") {
  CHECK(verdict([](Block& b) { set_ref(b, 0, {0, 1}); }).starts_with("block: text outside the block"));
  CHECK(verdict([](Block& b) { set_ref(b, 1, {4, 5}); }).starts_with("block: text outside the block"));
  CHECK(verdict([](Block& b) { set_ref(b, 2, {b.text_bytes + 1, 1}); }).starts_with("block: text outside the block"));
  CHECK(verdict([](Block& b) {
          set_ref(b, 2, {UINT32_MAX, UINT32_MAX});
        }).starts_with("block: text outside the block"));
  CHECK(verdict([](Block& b) { set_ref(b, 2, {b.text_bytes, b.text_bytes}); }) == "good");
}

TEST_CASE("block_check: a bool or an optional's byte that is neither 0 nor 1 is found") {
  for (const std::uint32_t offset : RowCodec<Flagged>::layout().bool_bytes) {
    CAPTURE(offset);
    CHECK(verdict([&](Block& b) { b.row(2)[offset] = 2; }).starts_with("block: a bool that is neither 0 nor 1"));
  }
  CHECK(RowCodec<Flagged>::layout().bool_bytes.size() == 2);
}

TEST_CASE("block_check: an unknown row kind is found") {
  CHECK(verdict([](Block& b) { b.row_kinds()[1] = static_cast<RowKind>(4); }, kBlockRowKinds) ==
        "block: unknown row kind");
}

TEST_CASE("block_check: after any change, a block is refused or can be read") {
  HeapPool pool;
  std::mt19937_64 random(7);
  Everything scratch;
  for (int round = 0; round < 3000; ++round) {
    Block* block = pool.take(kBlockCapacity);
    *block = [&] {
      Block fresh;
      fresh.capacity = block->capacity;
      fresh.home = block->home;
      return fresh;
    }();
    block->reset(RowCodec<Everything>::layout(), 0);
    for (std::int64_t i = 0; i < 5; ++i) REQUIRE(RowCodec<Everything>::append(filled(i), *block));
    for (int change = 0; change < 3; ++change) {
      const bool in_header = random() % 4 == 0;
      if (in_header) {
        reinterpret_cast<std::uint8_t*>(block)[random() % offsetof(Block, capacity)] =
            static_cast<std::uint8_t>(random());
      } else {
        block->fixed()[random() % (5 * RowCodec<Everything>::kStride)] = static_cast<std::uint8_t>(random());
      }
    }
    if (check_block(*block, RowCodec<Everything>::layout()).ok()) {
      for (std::uint32_t row = 0; row < block->rows; ++row) {
        try {
          RowCodec<Everything>::read(*block, row, scratch);
        } catch (const CorruptRow&) {
        }
      }
    }
    pool.give(block);
  }
}
