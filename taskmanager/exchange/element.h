// What travels through a channel, in order.
#pragma once

#include <cstdint>

#include "weir/block.h"

namespace weir::taskmanager {

enum class ElementKind : std::uint8_t {
  block,             ///< rows
  watermark,         ///< `value`: event time in milliseconds
  end_of_data,       ///< no rows and no watermarks come any more
  end_of_partition,  ///< nothing comes after it: the producer's task ends
};

/// One entry of a channel. A value; the block in it belongs to whoever holds the element.
struct Element {
  Block* block = nullptr;
  std::int64_t value = 0;
  ElementKind kind = ElementKind::block;

  static Element rows(Block* block) { return {block, 0, ElementKind::block}; }
  static Element watermark(std::int64_t ms) { return {nullptr, ms, ElementKind::watermark}; }
  static Element end_of_data() { return {nullptr, 0, ElementKind::end_of_data}; }
  static Element end_of_partition() { return {nullptr, 0, ElementKind::end_of_partition}; }
};

/// Gives the element's block, if it has one, back to where it was taken from.
inline void drop(const Element& element) noexcept {
  if (element.block != nullptr) element.block->home->give(element.block);
}

}  // namespace weir::taskmanager
