// A block pool on the heap, for tests: stands in for the slot's pool and counts what is out.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "weir/block.h"

namespace weir::test {

class HeapPool final : public BlockPool {
 public:
  ~HeapPool() override {
    for (Block* block : free_) std::free(block);
  }
  Block* take(std::uint32_t capacity) override {
    ++out_;
    if (capacity <= kBlockCapacity && !free_.empty()) {
      Block* block = free_.back();
      free_.pop_back();
      return block;
    }
    const std::uint32_t wanted = capacity < kBlockCapacity ? kBlockCapacity : (capacity + 63) & ~63u;
    void* memory = std::aligned_alloc(64, sizeof(Block) + wanted);
    std::memset(memory, 0xA5, sizeof(Block) + wanted);
    auto* block = ::new (memory) Block;
    block->capacity = wanted;
    block->home = this;
    return block;
  }
  void give(Block* block) noexcept override {
    --out_;
    if (block->capacity == kBlockCapacity) {
      free_.push_back(block);
    } else {
      std::free(block);
    }
  }
  /// Blocks taken and not given back.
  int out() const { return out_; }

 private:
  std::vector<Block*> free_;
  int out_ = 0;
};

}  // namespace weir::test
