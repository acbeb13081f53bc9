// Block: one flat, relocatable piece of memory with rows in it. The same bytes lie in memory and travel on the wire.
// Byte by byte: docs/formats/block.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weir {

class BlockPool;

inline constexpr std::uint32_t kBlockMagic = 0x4b4c4257;  // "WBLK"
inline constexpr std::uint16_t kBlockVersion = 1;
inline constexpr std::uint32_t kBlockRowsMax = 1024;
/// Room for rows and text in a pooled block; a larger row gets a block of its own size.
inline constexpr std::uint32_t kBlockPayloadBytes = 32 * 1024;

enum class BlockLayout : std::uint8_t { rows = 1, columns = 2 };
/// What stands between the header and the rows.
enum BlockFlags : std::uint8_t { kBlockTimestamps = 1, kBlockRowKinds = 2, kBlockNulls = 4 };

enum class RowKind : std::uint8_t { insert = 0, update_before = 1, update_after = 2, erase = 3 };

/// Where variable-size bytes of a row lie: `offset` counts backwards from the end of the block's payload, so that text
/// grows towards the rows and no offset changes when the block moves to a buffer of another size.
struct TextRef {
  std::uint32_t offset = 0;  ///< >= length
  std::uint32_t length = 0;
};

/// How rows of one record type lie in a block: what the engine needs to copy and check rows whose type it does not
/// know.
struct RowLayout {
  std::uint32_t stride = 0;  ///< bytes per row in the fixed area, 1..kBlockPayloadBytes / 2, a multiple of `align`
  std::uint32_t align = 8;   ///< at most 16
  bool plain = false;        ///< a trivially copyable struct lies there as it is
  std::vector<std::uint32_t> text_refs;   ///< offsets of TextRefs within a row
  std::vector<std::uint32_t> bool_bytes;  ///< offsets of bytes that must be 0 or 1
  std::uint32_t schema_id = 0;            ///< low 32 bits of the hash of the schema's text
};

/// Header of a block; its bytes follow in the same allocation. 64 bytes, 64-byte aligned, little endian.
/// Lives on: one thread at a time; moves between threads by pointer over rings.
///
///   header | timestamps: 1024 x i64, if flagged | row kinds: 1024 x u8, if flagged | rows, upwards ... text, downwards
///   | end
///
/// On the wire the unused rest of each part is left out; `capacity` and the fields after it are zero there.
struct alignas(64) Block {
  std::uint32_t magic = kBlockMagic;
  std::uint16_t version = kBlockVersion;
  BlockLayout layout = BlockLayout::rows;
  std::uint8_t flags = 0;
  std::uint32_t schema_id = 0;
  std::uint32_t rows = 0;
  std::uint32_t stride = 0;       ///< rows: bytes per row; columns: number of columns
  std::uint32_t fixed_bytes = 0;  ///< rows * stride
  std::uint32_t text_bytes = 0;
  // In memory only.
  std::uint32_t capacity = 0;  ///< bytes from the header's end to the end of the allocation
  BlockPool* home = nullptr;   ///< where it was taken from
  void* link = nullptr;        ///< for the pool's free list
  std::uint64_t reserved[2] = {0, 0};

  std::uint8_t* payload() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  const std::uint8_t* payload() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  /// The byte after the last: TextRefs count from here.
  std::uint8_t* end() { return payload() + capacity; }
  const std::uint8_t* end() const { return payload() + capacity; }

  bool has_timestamps() const { return (flags & kBlockTimestamps) != 0; }
  bool has_row_kinds() const { return (flags & kBlockRowKinds) != 0; }
  /// Bytes between the header and the first row.
  static constexpr std::uint32_t prefix_bytes(std::uint8_t flags) {
    return ((flags & kBlockTimestamps) != 0 ? kBlockRowsMax * 8 : 0) +
           ((flags & kBlockRowKinds) != 0 ? kBlockRowsMax : 0);
  }
  std::int64_t* timestamps() { return reinterpret_cast<std::int64_t*>(payload()); }
  const std::int64_t* timestamps() const { return reinterpret_cast<const std::int64_t*>(payload()); }
  RowKind* row_kinds() { return reinterpret_cast<RowKind*>(payload() + prefix_bytes(flags & kBlockTimestamps)); }
  const RowKind* row_kinds() const {
    return reinterpret_cast<const RowKind*>(payload() + prefix_bytes(flags & kBlockTimestamps));
  }
  std::uint8_t* fixed() { return payload() + prefix_bytes(flags); }
  const std::uint8_t* fixed() const { return payload() + prefix_bytes(flags); }
  std::uint8_t* row(std::uint32_t index) { return fixed() + std::size_t{index} * stride; }
  const std::uint8_t* row(std::uint32_t index) const { return fixed() + std::size_t{index} * stride; }
  std::string_view text(TextRef ref) const { return {reinterpret_cast<const char*>(end() - ref.offset), ref.length}; }
  /// Bytes still free between rows and text.
  std::uint32_t free_bytes() const { return capacity - prefix_bytes(flags) - fixed_bytes - text_bytes; }

  /// Empties the block for rows of `layout`.
  void reset(const RowLayout& row_layout, std::uint8_t new_flags) {
    layout = BlockLayout::rows;
    flags = new_flags;
    schema_id = row_layout.schema_id;
    stride = row_layout.stride;
    rows = 0;
    fixed_bytes = 0;
    text_bytes = 0;
  }
};
static_assert(sizeof(Block) == 64);

/// Where blocks come from and go back to. One per slot; never null: beyond its budget it lends an overdraft, which the
/// engine sees and waits out before it lets the task step again. Lives on: the slot's thread.
class BlockPool {
 public:
  virtual ~BlockPool() = default;
  /// A block with at least `capacity` bytes behind its header; kBlockCapacity is the usual size (block_capacity_for).
  /// Contents and header fields but magic, version, capacity and home are undefined: call reset().
  virtual Block* take(std::uint32_t capacity) = 0;
  virtual void give(Block* block) noexcept = 0;
};

/// Capacity of the usual pooled block: full prefix and the payload.
inline constexpr std::uint32_t kBlockCapacity =
    Block::prefix_bytes(kBlockTimestamps | kBlockRowKinds) + kBlockPayloadBytes;

/// Capacity to ask a pool for, so that one row of `stride` bytes with `text_bytes` of text certainly fits.
constexpr std::uint32_t block_capacity_for(std::uint32_t stride, std::uint32_t text_bytes) {
  const std::uint32_t needed = (stride + text_bytes + 63) & ~63u;
  return kBlockCapacity - kBlockPayloadBytes + (needed > kBlockPayloadBytes ? needed : kBlockPayloadBytes);
}

}  // namespace weir
