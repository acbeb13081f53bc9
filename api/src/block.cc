#include "weir/block.h"

#include <string>

#include "weir/block_check.h"
#include "weir/collector.h"
#include "weir/row_codec.h"

namespace weir {

namespace {

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, "block: " + std::move(message)); }

std::string number(std::uint64_t value) { return std::to_string(value); }

/// Are all TextRefs at `offset` of each row inside the block's text?
bool text_refs_fit(const Block& block, std::uint32_t offset) {
  // One comparison per row: a reference that is out of bounds sets a bit that stays.
  std::uint64_t wrong = 0;
  const std::uint8_t* at = block.fixed() + offset;
  for (std::uint32_t row = 0; row < block.rows; ++row, at += block.stride) {
    TextRef ref;
    std::memcpy(&ref, at, sizeof ref);
    wrong |=
        static_cast<std::uint64_t>(ref.offset > block.text_bytes) | static_cast<std::uint64_t>(ref.length > ref.offset);
  }
  return wrong == 0;
}

bool bytes_at_most(const std::uint8_t* at, std::uint32_t rows, std::uint32_t stride, std::uint8_t most) {
  bool good = true;
  for (std::uint32_t row = 0; row < rows; ++row, at += stride) good &= *at <= most;
  return good;
}

}  // namespace

Result<void> check_block_header(const Block& header, const RowLayout& layout, std::uint32_t bytes_max) {
  if (header.magic != kBlockMagic) return corrupt("wrong magic number");
  if (header.version != kBlockVersion) return corrupt("version " + number(header.version) + " is not known");
  if (header.layout != BlockLayout::rows)
    return corrupt("layout " + number(static_cast<std::uint8_t>(header.layout)) + " is not rows");
  if ((header.flags & ~(kBlockTimestamps | kBlockRowKinds)) != 0)
    return corrupt("flags " + number(header.flags) + " are not known");
  if (header.schema_id != layout.schema_id) {
    return corrupt("schema " + number(header.schema_id) + " where " + number(layout.schema_id) + " was expected");
  }
  if (header.rows > kBlockRowsMax) return corrupt(number(header.rows) + " rows, at most " + number(kBlockRowsMax));
  if (header.stride != layout.stride)
    return corrupt("stride " + number(header.stride) + " where " + number(layout.stride) + " was expected");
  if (header.fixed_bytes != std::uint64_t{header.rows} * header.stride) {
    return corrupt(number(header.fixed_bytes) + " bytes of rows for " + number(header.rows) + " rows of " +
                   number(header.stride));
  }
  if (header.rows == 0 && header.text_bytes != 0) return corrupt("text without rows");
  if (layout.text_refs.empty() && header.text_bytes != 0) return corrupt("text in a schema that has none");
  if (std::uint64_t{header.fixed_bytes} + header.text_bytes > bytes_max) {
    return corrupt(number(std::uint64_t{header.fixed_bytes} + header.text_bytes) + " bytes, at most " +
                   number(bytes_max));
  }
  return {};
}

Result<void> check_block(const Block& block, const RowLayout& layout) {
  const std::uint32_t prefix = Block::prefix_bytes(block.flags & (kBlockTimestamps | kBlockRowKinds));
  if (block.capacity < prefix) return corrupt("shorter than its own prefix");
  auto header = check_block_header(block, layout, block.capacity - prefix);
  if (!header.ok()) return header;
  if (block.has_row_kinds() && !bytes_at_most(reinterpret_cast<const std::uint8_t*>(block.row_kinds()), block.rows, 1,
                                              static_cast<std::uint8_t>(RowKind::erase))) {
    return corrupt("unknown row kind");
  }
  for (const std::uint32_t offset : layout.text_refs) {
    if (!text_refs_fit(block, offset)) return corrupt("text outside the block, field at byte " + number(offset));
  }
  for (const std::uint32_t offset : layout.bool_bytes) {
    if (!bytes_at_most(block.fixed() + offset, block.rows, block.stride, 1)) {
      return corrupt("a bool that is neither 0 nor 1, field at byte " + number(offset));
    }
  }
  return {};
}

RecordTooLarge::RecordTooLarge(std::size_t bytes, std::size_t bytes_max)
    : std::runtime_error("record of " + std::to_string(bytes) +
                         " bytes is longer than weir.max-record-bytes allows, at most " + std::to_string(bytes_max) +
                         " bytes") {}

namespace detail {

void throw_corrupt_row(std::string_view schema) { throw CorruptRow("row does not decode as " + std::string(schema)); }

}  // namespace detail

}  // namespace weir
