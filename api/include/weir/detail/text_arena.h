// TextArena: room for the bytes of texts that outlive the value they were read from.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "weir/text.h"

namespace weir::detail {

/// Bytes that live until clear(). Keeps one chunk for the next time.
/// Lives on: one thread.
class TextArena {
 public:
  Text copy(std::string_view bytes) {
    char* to = room(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    return Text::borrow({to, bytes.size()});
  }
  void clear() {
    if (chunks_.size() > 1) chunks_.resize(1);
    used_ = 0;
  }

 private:
  static constexpr std::size_t kChunk = 16 * 1024;
  char* room(std::size_t size) {
    if (chunks_.empty() || chunks_.back().size - used_ < size) {
      const std::size_t wanted = size > kChunk ? size : kChunk;
      chunks_.push_back({std::make_unique<char[]>(wanted), wanted});
      used_ = 0;
    }
    char* at = chunks_.back().bytes.get() + used_;
    used_ += size;
    return at;
  }
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;
};

}  // namespace weir::detail
