#include "taskmanager/exchange/gather.h"

#include <algorithm>
#include <cstring>

#include "common/base/ensure.h"

namespace weir::taskmanager {

namespace {

template <std::uint32_t kBytes>
inline void copy_piece(std::uint8_t* to, const std::uint8_t* from) {
  std::uint8_t piece[kBytes];
  std::memcpy(piece, from, kBytes);
  std::memcpy(to, piece, kBytes);
}

/// Copies a row of a width that is known only at run time. The last piece ends where the row ends and may overlap the
/// one before it. Above kCopyInlineMax bytes a call costs nothing beside the copy.
inline void copy_any(std::uint8_t* to, const std::uint8_t* from, std::uint32_t stride) {
  constexpr std::uint32_t kCopyInlineMax = 256;
  if (stride > kCopyInlineMax) {
    std::memcpy(to, from, stride);
  } else if (stride >= 16) {
    for (std::uint32_t at = 0; at + 16 < stride; at += 16) copy_piece<16>(to + at, from + at);
    copy_piece<16>(to + stride - 16, from + stride - 16);
  } else if (stride >= 8) {
    copy_piece<8>(to, from);
    copy_piece<8>(to + stride - 8, from + stride - 8);
  } else if (stride >= 4) {
    copy_piece<4>(to, from);
    copy_piece<4>(to + stride - 4, from + stride - 4);
  } else {
    for (std::uint32_t at = 0; at < stride; ++at) to[at] = from[at];
  }
}

/// Copies a row of a known width (or, with 0, of `stride` bytes).
template <std::uint32_t kStride>
inline void copy_fixed(std::uint8_t* to, const std::uint8_t* from, std::uint32_t stride) {
  if constexpr (kStride != 0) {
    std::memcpy(to, from, kStride);
  } else {
    copy_any(to, from, stride);
  }
}

/// Copies up to 16 bytes at a time with one load and store that ends where the text ends: what it writes too much lies
/// below, in the free room, and what it reads too much lies in the source block.
inline void copy_text(std::uint8_t* to, const std::uint8_t* from, std::uint32_t length, bool has_room_below) {
  if (length <= 16 && has_room_below) {
    std::uint8_t chunk[16];
    std::memcpy(chunk, from + length - 16, 16);
    std::memcpy(to + length - 16, chunk, 16);
  } else {
    std::memcpy(to, from, length);
  }
}

inline TextRef load_ref(const std::uint8_t* place) {
  TextRef ref;
  std::memcpy(&ref, place, sizeof ref);
  return ref;
}

inline std::uint64_t text_bytes_of(const RowLayout& layout, const std::uint8_t* row) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t place : layout.text_refs) bytes += load_ref(row + place).length;
  return bytes;
}

/// The parts of neighbouring rows that stand outside them.
inline void copy_prefixes(const Block& source, std::uint32_t row, std::uint32_t count, OpenBlock& target) {
  if (source.has_timestamps()) {
    std::memcpy(target.time_at, source.timestamps() + row, count * sizeof(std::int64_t));
    target.time_at += count;
  }
  if (source.has_row_kinds()) {
    std::memcpy(target.kind_at, source.row_kinds() + row, count);
    target.kind_at += count;
  }
}

/// The same of one row.
inline void copy_prefix(const Block& source, std::uint32_t row, OpenBlock& target) {
  if (source.has_timestamps()) *target.time_at++ = source.timestamps()[row];
  if (source.has_row_kinds()) *target.kind_at++ = source.row_kinds()[row];
}

/// Appends one row with text. @return false when it does not fit
template <std::uint32_t kStride>
inline bool append_text_row(const RowLayout& layout, const Block& source, const std::uint8_t* row, std::uint32_t stride,
                            OpenBlock& target) {
  const std::uint64_t text = text_bytes_of(layout, row);
  const std::uint64_t room = target.free_bytes();
  if (target.row_at == target.rows_end || stride + text > room) return false;
  copy_fixed<kStride>(target.row_at, row, stride);
  const bool has_room_below = room - stride - text >= 16;
  std::uint8_t* const block_end = target.block->end();
  for (const std::uint32_t place : layout.text_refs) {
    TextRef ref = load_ref(row + place);
    if (ref.length == 0) {
      ref.offset = 0;
    } else {
      target.text_at -= ref.length;
      copy_text(target.text_at, source.end() - ref.offset, ref.length, has_room_below);
      ref.offset = static_cast<std::uint32_t>(block_end - target.text_at);
    }
    std::memcpy(target.row_at + place, &ref, sizeof ref);
  }
  target.row_at += stride;
  return true;
}

/// Appends one row without text, for which there is room.
template <std::uint32_t kStride>
inline void append_plain_row(const std::uint8_t* row, std::uint32_t stride, OpenBlock& target) {
  copy_fixed<kStride>(target.row_at, row, stride);
  target.row_at += stride;
}

template <std::uint32_t kStride, bool kText, bool kPrefix>
std::uint32_t scatter_rows(const RowLayout& layout, const Batch& batch, const std::uint16_t* target_of,
                           std::uint32_t from, OpenBlock* targets) {
  const Block& source = batch.block();
  const std::uint32_t stride = kStride != 0 ? kStride : layout.stride;
  const std::uint8_t* const rows = source.fixed();
  const std::uint16_t* const selection = batch.selection();
  const std::uint32_t count = batch.count();
  for (std::uint32_t position = from; position < count; ++position) {
    OpenBlock& target = targets[target_of[position]];
    const std::uint32_t index = selection == nullptr ? position : selection[position];
    const std::uint8_t* const row = rows + std::size_t{index} * stride;
    if constexpr (kText) {
      if (!append_text_row<kStride>(layout, source, row, stride, target)) return position;
    } else {
      if (target.row_at == target.rows_end) return position;
      append_plain_row<kStride>(row, stride, target);
    }
    if constexpr (kPrefix) copy_prefix(source, index, target);
  }
  return count;
}

template <std::uint32_t kStride, bool kText, bool kPrefix>
std::uint32_t append_rows(const RowLayout& layout, const Batch& batch, std::uint32_t from, std::uint32_t to,
                          OpenBlock& target) {
  const Block& source = batch.block();
  const std::uint32_t stride = kStride != 0 ? kStride : layout.stride;
  const std::uint8_t* const rows = source.fixed();
  const std::uint16_t* const selection = batch.selection();
  if constexpr (!kText) {
    const auto room = static_cast<std::size_t>(target.rows_end - target.row_at) / stride;
    to = static_cast<std::uint32_t>(std::min<std::size_t>(to, from + room));
    if (selection == nullptr && from < to) {
      const std::size_t bytes = std::size_t{to - from} * stride;
      std::memcpy(target.row_at, rows + std::size_t{from} * stride, bytes);
      if constexpr (kPrefix) copy_prefixes(source, from, to - from, target);
      target.row_at += bytes;
      return to;
    }
  }
  std::uint32_t position = from;
  for (; position < to; ++position) {
    const std::uint32_t index = selection == nullptr ? position : selection[position];
    const std::uint8_t* const row = rows + std::size_t{index} * stride;
    if constexpr (kText) {
      if (!append_text_row<kStride>(layout, source, row, stride, target)) break;
    } else {
      append_plain_row<kStride>(row, stride, target);
    }
    if (kPrefix && selection != nullptr) copy_prefix(source, index, target);
  }
  if (kPrefix && selection == nullptr) copy_prefixes(source, from, position - from, target);
  return position;
}

template <bool kText, bool kPrefix>
auto scatter_for(std::uint32_t stride) {
  switch (stride) {
    case 8: return &scatter_rows<8, kText, kPrefix>;
    case 16: return &scatter_rows<16, kText, kPrefix>;
    case 24: return &scatter_rows<24, kText, kPrefix>;
    case 32: return &scatter_rows<32, kText, kPrefix>;
    case 40: return &scatter_rows<40, kText, kPrefix>;
    case 48: return &scatter_rows<48, kText, kPrefix>;
    case 56: return &scatter_rows<56, kText, kPrefix>;
    case 64: return &scatter_rows<64, kText, kPrefix>;
    default: return &scatter_rows<0, kText, kPrefix>;
  }
}

template <bool kText, bool kPrefix>
auto append_for(std::uint32_t stride) {
  switch (stride) {
    case 8: return &append_rows<8, kText, kPrefix>;
    case 16: return &append_rows<16, kText, kPrefix>;
    case 24: return &append_rows<24, kText, kPrefix>;
    case 32: return &append_rows<32, kText, kPrefix>;
    default: return &append_rows<0, kText, kPrefix>;
  }
}

}  // namespace

void OpenBlock::open(Block* new_block, const RowLayout& layout, std::uint8_t flags) {
  block = new_block;
  block->reset(layout, flags);
  rows_first = row_at = block->fixed();
  text_at = block->end();
  time_at = block->timestamps();
  kind_at = block->row_kinds();
  rows_end = row_at + std::min<std::uint64_t>(kBlockRowsMax, free_bytes() / layout.stride) * layout.stride;
}

Block* OpenBlock::seal() {
  Block* const sealed = block;
  sealed->rows = rows();
  sealed->fixed_bytes = sealed->rows * sealed->stride;
  sealed->text_bytes = static_cast<std::uint32_t>(sealed->end() - text_at);
  *this = OpenBlock{};
  return sealed;
}

// A kernel exists with and without the parts outside the row; which one runs is asked once per batch.
RowGather::RowGather(const RowLayout& layout) : layout_(layout) {
  ENSURE(layout_.stride > 0 && layout_.stride <= kBlockPayloadBytes / 2, "stride {}", layout_.stride);
  for (const std::uint32_t place : layout_.text_refs)
    ENSURE(place + sizeof(TextRef) <= layout_.stride, "text reference at {} of {}", place, layout_.stride);
  const bool has_text = !layout_.text_refs.empty();
  scatter_[0] = has_text ? scatter_for<true, false>(layout_.stride) : scatter_for<false, false>(layout_.stride);
  scatter_[1] = has_text ? scatter_for<true, true>(layout_.stride) : scatter_for<false, true>(layout_.stride);
  append_[0] = has_text ? append_for<true, false>(layout_.stride) : append_for<false, false>(layout_.stride);
  append_[1] = has_text ? append_for<true, true>(layout_.stride) : append_for<false, true>(layout_.stride);
}

std::uint32_t RowGather::append(const Batch& batch, std::uint32_t from, std::uint32_t to, OpenBlock& target) const {
  if (target.block == nullptr) return from;
  return append_[batch.block().flags != 0](layout_, batch, from, to, target);
}

std::uint32_t RowGather::scatter(const Batch& batch, const std::uint16_t* target_of, std::uint32_t from,
                                 OpenBlock* targets) const {
  return scatter_[batch.block().flags != 0](layout_, batch, target_of, from, targets);
}

std::uint64_t RowGather::text_bytes(const Block& block, std::uint32_t row) const {
  return text_bytes_of(layout_, block.row(row));
}

}  // namespace weir::taskmanager
