// Blocks made smaller for the wire, where the job asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "taskmanager/exchange/data_frame.h"
#include "weir/block.h"

namespace weir::taskmanager {

/// Packs what a block holds behind its header with LZ4 (block format), and takes it apart again.
/// Lives on: the slot's thread. Owned by a connection or its reader. Takes its memory, kPackedBytesMax, at the first
/// use.
class BlockPacker {
 public:
  /// A block that holds more is sent as it is: its rows are few and their text is the user's to compress.
  static constexpr std::size_t kPackedBytesMax = kBlockCapacity;
  /// Less is not worth a thought.
  static constexpr std::size_t kPackedBytesMin = 512;

  /// @param to  room for parts.bytes
  /// @return    how many bytes were written, fewer than parts.bytes; 0: it does not become smaller, or is not packed at
  /// all
  std::size_t pack(const BlockParts& parts, std::uint8_t* to);
  /// @param parts  where the bytes go; all of them are filled, at most kPackedBytesMax
  /// @return       whether the bytes were those of a packed block of this size; if not, the parts hold anything
  bool unpack(const std::uint8_t* packed, std::size_t bytes, const BlockParts& parts);

 private:
  std::vector<std::uint8_t> flat_;
};

}  // namespace weir::taskmanager
