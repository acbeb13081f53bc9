// The loop over a batch's rows as values of the user's type.
#pragma once

#include <cstdint>
#include <type_traits>

#include "weir/batch.h"
#include "weir/row_codec.h"

namespace weir::detail {

/// Lives on: the slot's thread. Owning records are read into one object again and again, which keeps its capacity; others into a fresh one
/// per row, so that the compiler leaves out what the body does not use.
template <class T>
class RowReader {
 public:
  /// Calls body(const T&, row index in the block) for each row.
  template <class Body>
  void for_each(const Batch& batch, Body&& body) {
    const Block& block = batch.block();
    const std::uint8_t* first = block.fixed();
    const std::uint8_t* end = block.end();
    batch.for_each_row([&](std::uint32_t row) __attribute__((always_inline)) {
      const std::uint8_t* at = first + std::size_t{row} * RowCodec<T>::kStride;
      if constexpr (kRecycled) {
        body(RowCodec<T>::read_at(at, end, scratch_), row);
      } else if constexpr (RowCodec<T>::kPlain) {
        T unused;
        body(RowCodec<T>::read_at(at, end, unused), row);
      } else {
        T record{};
        body(RowCodec<T>::read_at(at, end, record), row);
      }
    });
  }
  /// One row; valid until the next call.
  const T& read(const Block& block, std::uint32_t row) { return RowCodec<T>::read(block, row, scratch_); }

 private:
  static constexpr bool kRecycled = !std::is_trivially_copyable_v<T>;
  T scratch_{};
};

}  // namespace weir::detail
