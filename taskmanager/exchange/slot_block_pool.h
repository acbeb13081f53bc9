// The blocks of one slot: taken on its thread, filled, sent away, and home again for the next rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "weir/block.h"

namespace weir::taskmanager {

/// What a pool holds, in bytes of memory (headers included). A value.
struct PoolUsage {
  std::uint64_t limit = 0;            ///< the slot's share of the worker's exchange buffers
  std::uint64_t reserved = 0;         ///< mapped from the kernel within the limit, whether in use or not
  std::uint64_t used = 0;             ///< taken and not yet home
  std::uint64_t peak = 0;             ///< the largest `used` so far
  std::uint64_t overdraft = 0;        ///< mapped beyond the limit at the moment; goes back to the kernel block by block
  std::uint64_t oversize_blocks = 0;  ///< blocks larger than the usual size, taken so far
};

/// Hands out blocks of the usual size from slabs that it keeps, and others (oversize, or beyond its limit) one by one
/// from the kernel. Lives on: its slot's thread; `give` and `usage` on any. Owned by the slot's loop; outlives every
/// block taken from it. Promise: `take` never fails and never blocks. What other threads give comes home on a stack
/// without locks and is used again when the free list is empty.
class SlotBlockPool final : public BlockPool {
 public:
  /// @param limit_bytes  memory to keep within; beyond it every block is an overdraft, accounted in `usage`
  explicit SlotBlockPool(std::uint64_t limit_bytes);
  ~SlotBlockPool() override;
  SlotBlockPool(const SlotBlockPool&) = delete;
  SlotBlockPool& operator=(const SlotBlockPool&) = delete;

  /// Makes the calling thread the one that takes. Before that the constructing thread is.
  void adopt() noexcept;

  Block* take(std::uint32_t capacity) override;
  void give(Block* block) noexcept override;
  /// Takes in what other threads have given: `used` counts it until then. `take` does so when it needs to.
  void collect_returned() noexcept;

  PoolUsage usage() const noexcept;

  /// Memory of one block of the usual size.
  static constexpr std::uint64_t kBlockBytes = sizeof(Block) + kBlockCapacity;
  /// Memory is taken from the kernel in pieces of this size, which is that of a huge page.
  static constexpr std::uint64_t kSlabBytes = std::uint64_t{2} << 20;

 private:
  bool map_slab();
  Block* map_single(std::uint32_t capacity);
  void put_back(Block* block) noexcept;

  // Set once
  const std::uint64_t limit_;
  // The slot's thread only
  Block* free_ = nullptr;
  std::vector<void*> slabs_;
  std::vector<std::uint64_t> slab_bytes_;
  // Read by slots that are still running while a loop that has ended is taken over; any answer but their own thread
  // means the same to them.
  std::atomic<const void*> owner_;
  // Written by the slot's thread, read by any
  std::atomic<std::uint64_t> reserved_{0};
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> overdraft_{0};
  std::atomic<std::uint64_t> oversize_blocks_{0};
  // Any thread pushes, the slot's thread takes all
  alignas(64) std::atomic<Block*> returned_{nullptr};
};

}  // namespace weir::taskmanager
