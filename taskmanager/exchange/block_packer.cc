#include "taskmanager/exchange/block_packer.h"

#include <lz4.h>

#include <cstring>

namespace weir::taskmanager {

std::size_t BlockPacker::pack(const BlockParts& parts, std::uint8_t* to) {
  if (parts.bytes < kPackedBytesMin || parts.bytes > kPackedBytesMax) return 0;
  flat_.resize(kPackedBytesMax);
  std::size_t size = 0;
  for (std::size_t part = 0; part < parts.count; ++part) {
    std::memcpy(flat_.data() + size, parts.parts[part].bytes, parts.parts[part].count);
    size += parts.parts[part].count;
  }
  const int written = LZ4_compress_default(reinterpret_cast<const char*>(flat_.data()), reinterpret_cast<char*>(to),
                                           static_cast<int>(size), static_cast<int>(size) - 1);
  return written > 0 ? static_cast<std::size_t>(written) : 0;
}

bool BlockPacker::unpack(const std::uint8_t* packed, std::size_t bytes, const BlockParts& parts) {
  if (parts.bytes > kPackedBytesMax || bytes > kPackedBytesMax) return false;
  flat_.resize(kPackedBytesMax);
  const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(packed), reinterpret_cast<char*>(flat_.data()),
                                       static_cast<int>(bytes), static_cast<int>(parts.bytes));
  if (size < 0 || static_cast<std::size_t>(size) != parts.bytes) return false;
  std::size_t at = 0;
  for (std::size_t part = 0; part < parts.count; ++part) {
    std::memcpy(parts.parts[part].bytes, flat_.data() + at, parts.parts[part].count);
    at += parts.parts[part].count;
  }
  return true;
}

}  // namespace weir::taskmanager
