#include "taskmanager/exchange/slot_block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "common/base/ensure.h"

namespace weir::taskmanager {

namespace {

/// An address that no other running thread has.
const void* this_thread() noexcept {
  static thread_local const char place = 0;
  return &place;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void* map_memory(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ENSURE(memory != MAP_FAILED, "no memory for exchange buffers: {} bytes, {}", bytes, std::strerror(errno));
  return memory;
}

/// Memory that starts at a multiple of its own (huge page) size.
void* map_aligned(std::uint64_t bytes) {
  auto* const start = static_cast<std::uint8_t*>(map_memory(bytes * 2));
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  const std::uint64_t lead = (bytes - address % bytes) % bytes;
  if (lead > 0) ::munmap(start, lead);
  if (lead < bytes) ::munmap(start + lead + bytes, bytes - lead);
  ::madvise(start + lead, bytes, MADV_HUGEPAGE);  // a wish
  return start + lead;
}

}  // namespace

// Block::reserved[0] is the size of the mapping of a block that has one of its own; 0 for blocks in slabs.

SlotBlockPool::SlotBlockPool(std::uint64_t limit_bytes) : limit_(limit_bytes), owner_(this_thread()) {}

SlotBlockPool::~SlotBlockPool() {
  adopt();
  collect_returned();
  // A block that user code has lost is lost: the worker ends soon after its pools.
  for (std::size_t index = 0; index < slabs_.size(); ++index) ::munmap(slabs_[index], slab_bytes_[index]);
}

void SlotBlockPool::adopt() noexcept { owner_.store(this_thread(), std::memory_order_relaxed); }

Block* SlotBlockPool::take(std::uint32_t capacity) {
  Block* block = nullptr;
  if (capacity <= kBlockCapacity) [[likely]] {
    if (free_ == nullptr) collect_returned();
    if (free_ == nullptr) map_slab();
    if (free_ != nullptr) {
      block = free_;
      free_ = static_cast<Block*>(block->link);
    } else {
      block = map_single(kBlockCapacity);
    }
  } else {
    block = map_single(capacity);
    add(oversize_blocks_, 1);
  }
  add(used_, sizeof(Block) + block->capacity);
  if (used_.load(std::memory_order_relaxed) > peak_.load(std::memory_order_relaxed))
    peak_.store(used_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return block;
}

void SlotBlockPool::give(Block* block) noexcept {
  if (owner_.load(std::memory_order_relaxed) == this_thread()) {
    put_back(block);
    return;
  }
  Block* head = returned_.load(std::memory_order_relaxed);
  do {
    block->link = head;
  } while (!returned_.compare_exchange_weak(head, block, std::memory_order_release, std::memory_order_relaxed));
}

void SlotBlockPool::put_back(Block* block) noexcept {
  add(used_, -(sizeof(Block) + std::uint64_t{block->capacity}));
  if (const std::uint64_t mapping = block->reserved[0]; mapping != 0) {
    add(overdraft_, -mapping);
    ::munmap(block, mapping);
    return;
  }
  block->link = free_;
  free_ = block;
}

void SlotBlockPool::collect_returned() noexcept {
  if (returned_.load(std::memory_order_relaxed) == nullptr) return;
  Block* block = returned_.exchange(nullptr, std::memory_order_acquire);
  while (block != nullptr) {
    Block* const next = static_cast<Block*>(block->link);
    put_back(block);
    block = next;
  }
}

bool SlotBlockPool::map_slab() {
  const std::uint64_t reserved = reserved_.load(std::memory_order_relaxed);
  const std::uint64_t room = limit_ > reserved ? limit_ - reserved : 0;
  const bool is_whole = room >= kSlabBytes;
  const std::uint64_t bytes = is_whole ? kSlabBytes : room / kBlockBytes * kBlockBytes;
  if (bytes == 0) return false;
  void* const memory = is_whole ? map_aligned(bytes) : map_memory(bytes);
  slabs_.push_back(memory);
  slab_bytes_.push_back(bytes);
  add(reserved_, bytes);
  auto* const start = static_cast<std::uint8_t*>(memory);
  for (std::uint64_t index = bytes / kBlockBytes; index-- > 0;) {
    auto* const block = new (start + index * kBlockBytes) Block;
    block->capacity = kBlockCapacity;
    block->home = this;
    block->link = free_;
    free_ = block;
  }
  return true;
}

Block* SlotBlockPool::map_single(std::uint32_t capacity) {
  const std::uint64_t bytes = (sizeof(Block) + std::uint64_t{capacity} + 4095) & ~std::uint64_t{4095};
  auto* const block = new (map_memory(bytes)) Block;
  block->capacity = capacity;
  block->home = this;
  block->reserved[0] = bytes;
  add(overdraft_, bytes);
  return block;
}

PoolUsage SlotBlockPool::usage() const noexcept {
  return {.limit = limit_,
          .reserved = reserved_.load(std::memory_order_relaxed),
          .used = used_.load(std::memory_order_relaxed),
          .peak = peak_.load(std::memory_order_relaxed),
          .overdraft = overdraft_.load(std::memory_order_relaxed),
          .oversize_blocks = oversize_blocks_.load(std::memory_order_relaxed)};
}

}  // namespace weir::taskmanager
