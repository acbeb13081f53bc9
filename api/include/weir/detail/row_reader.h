// The loop over a batch's rows as values of the user's type.
#pragma once

#include <cstdint>
#include <type_traits>

#include "weir/batch.h"
#include "weir/row_codec.h"

namespace weir::detail {

/// Where a block's rows lie, for loops that write between reads: the compiler would ask the block's header again for
/// each row.
struct RowArea {
  explicit RowArea(const Block& block) : first(block.fixed()), end(block.end()) {}
  const std::uint8_t* first;
  const std::uint8_t* end;  ///< of the block
};

/// Lives on: the slot's thread. Owning records are read into one object again and again, which keeps its capacity;
/// others into a fresh one per row, so that the compiler leaves out what the body does not use.
template <class T>
class RowReader {
 public:
  /// Calls body(const T&, row index in the block) for each row.
  template <class Body>
  void for_each(const Batch& batch, Body&& body) {
    const RowArea rows(batch.block());
    batch.for_each_row([&](std::uint32_t row) __attribute__((always_inline)) {
      with(
          rows, row, [&](const T& record) __attribute__((always_inline)) { body(record, row); });
    });
  }
  /// Calls body(const T&) for one row.
  template <class Body>
  [[gnu::always_inline]] void with(RowArea rows, std::uint32_t row, Body&& body) {
    const std::uint8_t* at = rows.first + std::size_t{row} * RowCodec<T>::kStride;
    if constexpr (kRecycled) {
      body(RowCodec<T>::read_at(at, rows.end, scratch_));
    } else if constexpr (RowCodec<T>::kPlain) {
      T unused;
      body(RowCodec<T>::read_at(at, rows.end, unused));
    } else {
      T record{};
      body(RowCodec<T>::read_at(at, rows.end, record));
    }
  }
  /// One row; valid until the next call.
  const T& read(RowArea rows, std::uint32_t row) {
    return RowCodec<T>::read_at(rows.first + std::size_t{row} * RowCodec<T>::kStride, rows.end, scratch_);
  }

 private:
  static constexpr bool kRecycled = !std::is_trivially_copyable_v<T>;
  T scratch_{};
};

}  // namespace weir::detail
