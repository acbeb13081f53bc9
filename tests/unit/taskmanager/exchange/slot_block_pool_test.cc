#include "taskmanager/exchange/slot_block_pool.h"

#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

using namespace weir;               // NOLINT
using namespace weir::taskmanager;  // NOLINT

TEST_CASE("slot_block_pool: a block that comes back is the next one taken") {
  SlotBlockPool pool(64u << 20);
  Block* const first = pool.take(kBlockCapacity);
  CHECK(first->capacity >= kBlockCapacity);
  CHECK(first->home == &pool);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  pool.give(first);
  CHECK(pool.take(100) == first);
  CHECK(pool.usage().used == SlotBlockPool::kBlockBytes);
  pool.give(first);
  CHECK(pool.usage().used == 0);
}

TEST_CASE("slot_block_pool: blocks do not overlap, and all of each can be written") {
  SlotBlockPool pool(8u << 20);
  std::vector<Block*> blocks;
  for (int index = 0; index < 250; ++index) {
    Block* const block = pool.take(kBlockCapacity);
    std::memset(block->payload(), index, block->capacity);
    blocks.push_back(block);
  }
  for (int index = 0; index < 250; ++index) {
    CHECK(blocks[static_cast<std::size_t>(index)]->payload()[0] == index);
    CHECK(blocks[static_cast<std::size_t>(index)]->payload()[kBlockCapacity - 1] == index);
    pool.give(blocks[static_cast<std::size_t>(index)]);
  }
}

TEST_CASE("slot_block_pool: beyond the limit it lends, visibly, and what it lent goes back to the kernel") {
  SlotBlockPool pool(3 * SlotBlockPool::kBlockBytes + 100);
  std::vector<Block*> blocks;
  for (int index = 0; index < 3; ++index) blocks.push_back(pool.take(kBlockCapacity));
  CHECK(pool.usage().overdraft == 0);
  CHECK(pool.usage().reserved <= pool.usage().limit);
  for (int index = 0; index < 2; ++index) blocks.push_back(pool.take(kBlockCapacity));
  CHECK(pool.usage().overdraft >= 2 * SlotBlockPool::kBlockBytes);
  CHECK(pool.usage().peak == 5 * SlotBlockPool::kBlockBytes);
  for (Block* const block : blocks) pool.give(block);
  CHECK(pool.usage().overdraft == 0);
  CHECK(pool.usage().used == 0);
}

TEST_CASE("slot_block_pool: a pool without any room still gives blocks") {
  SlotBlockPool pool(0);
  Block* const block = pool.take(kBlockCapacity);
  std::memset(block->payload(), 1, block->capacity);
  pool.give(block);
  CHECK(pool.usage().overdraft == 0);
}

TEST_CASE("slot_block_pool: a large row gets a block of its own size, counted") {
  SlotBlockPool pool(64u << 20);
  Block* const block = pool.take(block_capacity_for(16, 5'000'000));
  CHECK(block->capacity >= 5'000'000);
  CHECK(pool.usage().oversize_blocks == 1);
  block->payload()[block->capacity - 1] = 1;
  pool.give(block);
  CHECK(pool.usage().used == 0);
}

TEST_CASE("slot_block_pool: what other threads give comes home and is used again") {
  SlotBlockPool pool(4u << 20);
  std::vector<Block*> blocks;
  for (int index = 0; index < 90; ++index) blocks.push_back(pool.take(kBlockCapacity));
  const auto reserved = pool.usage().reserved;
  std::thread first([&] {
    for (int index = 0; index < 45; ++index) pool.give(blocks[static_cast<std::size_t>(index)]);
  });
  std::thread second([&] {
    for (int index = 45; index < 90; ++index) pool.give(blocks[static_cast<std::size_t>(index)]);
  });
  first.join();
  second.join();
  for (Block*& block : blocks) block = pool.take(kBlockCapacity);
  CHECK(pool.usage().reserved == reserved);
  CHECK(pool.usage().overdraft == 0);
  for (Block* const block : blocks) pool.give(block);
  CHECK(pool.usage().used == 0);
}
