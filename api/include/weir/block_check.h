// Is a block that came from elsewhere what its type says?
#pragma once

#include <cstdint>

#include "weir/block.h"
#include "weir/result.h"

namespace weir {

/// Checks a block in full before anybody reads it: magic, version, layout, schema, at most 1,024 rows, stride, sizes
/// within `capacity`, every TextRef within the text area, every bool 0 or 1, every row kind known. After it, reading
/// rows of `layout` stays inside the block. Lives on: any thread (pure). The block lies in memory as block.h says, with
/// `capacity` set by the receiver. Errors: corrupt (external), one sentence with the first thing that is wrong.
Result<void> check_block(const Block& block, const RowLayout& layout);

/// The same for a header alone, before memory for the rest is taken.
/// @param bytes_max  most bytes that rows and text of one block may take
Result<void> check_block_header(const Block& header, const RowLayout& layout, std::uint32_t bytes_max);

}  // namespace weir
