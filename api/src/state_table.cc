#include "weir/detail/state/state_table.h"

#include <sys/mman.h>

#include <stdexcept>

namespace weir::detail {

std::uint8_t* allocate_entries(std::size_t bytes) {
  constexpr std::size_t kHugePage = 2u << 20;
  const std::size_t align = bytes >= kHugePage ? kHugePage : 64;
  bytes = (bytes + align - 1) / align * align;
  void* memory = std::aligned_alloc(align, bytes);
  if (memory != nullptr && align == kHugePage)
    madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: without them it is only slower
  return static_cast<std::uint8_t*>(memory);
}

void throw_foreign_key() {
  throw std::logic_error(
      "a record came to a subtask that does not own its key: the function given to key_by() must answer the same key "
      "whenever it is asked");
}

}  // namespace weir::detail
