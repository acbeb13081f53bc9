// RowCodec: how values of a C++ type lie as rows in a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/block.h"
#include "weir/reflect.h"
#include "weir/serializer.h"
#include "weir/type_of.h"

namespace weir {

/// Bytes of a row that are no value of its type, although the block passed the checks of its form.
class CorruptRow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

[[noreturn]] void throw_corrupt_row(std::string_view schema);

/// Copies `size` bytes, with few branches for the short texts that rows are full of.
inline void copy_text(std::uint8_t* to, const char* from, std::size_t size) {
  if (size >= 16) {
    std::size_t at = 0;
    do {
      std::memcpy(to + at, from + at, 16);
      at += 16;
    } while (at + 16 <= size);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    to[0] = static_cast<std::uint8_t>(from[0]);
    to[size / 2] = static_cast<std::uint8_t>(from[size / 2]);
    to[size - 1] = static_cast<std::uint8_t>(from[size - 1]);
  }
}

/// Where the next text of a block goes: downwards from its end.
struct TextArea {
  std::uint8_t* end;   ///< the block's end
  std::uint32_t used;  ///< bytes below it that are taken

  TextRef take(std::size_t size) {
    used += static_cast<std::uint32_t>(size);
    return {used, static_cast<std::uint32_t>(size)};
  }
  std::uint8_t* at(TextRef ref) const { return end - ref.offset; }
};

/// Lies in a block as the C++ object itself.
template <class T>
constexpr bool is_plain() {
  if constexpr (kIsScalar<T>) {
    return std::is_trivially_copyable_v<T>;
  } else if constexpr (kIsRecord<T>) {
    bool plain = std::is_trivially_copyable_v<T>;
    for_each_index<T>([&](auto index) { plain = plain && is_plain<FieldType<T, index>>(); });
    return plain;
  } else {
    return false;
  }
}

// The place of a value in the fixed part of a row is its slot. Scalars lie as they are; text, lists, maps and variants
// are a TextRef; an optional is a byte and its value; a record is its fields with the usual alignment.
template <class T>
constexpr std::size_t slot_align();
template <class T>
constexpr std::size_t slot_size();

template <class T, std::size_t Index>
constexpr std::size_t record_slot_end() {
  std::size_t at = 0;
  std::size_t end = 0;
  for_each_index<T>([&](auto index) {
    if (index > Index) return;
    using F = FieldType<T, index>;
    at = (end + slot_align<F>() - 1) / slot_align<F>() * slot_align<F>();
    end = at + slot_size<F>();
  });
  return end;
}
/// Offset of field Index within a record's slot.
template <class T, std::size_t Index>
constexpr std::size_t slot_offset() {
  return record_slot_end<T, Index>() - slot_size<FieldType<T, Index>>();
}

template <class T>
constexpr std::size_t slot_align() {
  if constexpr (is_plain<T>()) {
    return alignof(T);
  } else if constexpr (kIsOptional<T>) {
    return slot_align<typename T::value_type>();
  } else if constexpr (kIsRecord<T>) {
    std::size_t align = 1;
    for_each_index<T>([&](auto index) {
      constexpr std::size_t kField = slot_align<FieldType<T, index>>();
      if (kField > align) align = kField;
    });
    return align;
  } else {
    return alignof(TextRef);
  }
}
template <class T>
constexpr std::size_t slot_size() {
  if constexpr (is_plain<T>()) {
    return sizeof(T);
  } else if constexpr (kIsOptional<T>) {
    using V = typename T::value_type;
    return slot_align<V>() + slot_size<V>();
  } else if constexpr (kIsRecord<T>) {
    constexpr std::size_t kEnd = record_slot_end<T, kFieldCount<T> - 1>();
    return (kEnd + slot_align<T>() - 1) / slot_align<T>() * slot_align<T>();
  } else {
    return sizeof(TextRef);
  }
}

// The three below run for every row and are always inlined, down to the last field: only then are fields that the
// caller's code does not use left out. Without, the inliner gives up at some record size, and the whole record is read
// through memory.

/// Bytes that a value takes in the text area.
template <class T>
[[gnu::always_inline]] inline std::size_t slot_text_bytes(const T& value);
template <class T, std::size_t... I>
[[gnu::always_inline]] inline std::size_t fields_text_bytes(const T& value, std::index_sequence<I...>) {
  return (slot_text_bytes<FieldType<T, I>>(field<I>(value)) + ... + 0);
}
template <class T>
[[gnu::always_inline]] inline std::size_t slot_text_bytes(const T& value) {
  if constexpr (is_plain<T>()) {
    return 0;
  } else if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, std::string>) {
    return value.size();
  } else if constexpr (kIsOptional<T>) {
    return value ? slot_text_bytes(*value) : 0;
  } else if constexpr (kIsRecord<T>) {
    return fields_text_bytes(value, std::make_index_sequence<kFieldCount<T>>{});
  } else {
    return encoded_size(value);
  }
}

template <class T>
[[gnu::always_inline]] inline void write_slot(const T& value, std::uint8_t* at, TextArea& texts);
template <class T, std::size_t... I>
[[gnu::always_inline]] inline void write_fields(const T& value, std::uint8_t* at, TextArea& texts,
                                                std::index_sequence<I...>) {
  (write_slot<FieldType<T, I>>(field<I>(value), at + slot_offset<T, I>(), texts), ...);
}
template <class T>
[[gnu::always_inline]] inline void write_slot(const T& value, std::uint8_t* at, TextArea& texts) {
  if constexpr (is_plain<T>()) {
    std::memcpy(at, &value, sizeof(T));
  } else if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, std::string>) {
    const TextRef ref = texts.take(value.size());
    std::memcpy(at, &ref, sizeof ref);
    copy_text(texts.at(ref), value.data(), value.size());
  } else if constexpr (kIsOptional<T>) {
    using V = typename T::value_type;
    *at = value ? 1 : 0;
    if (value) {
      write_slot(*value, at + slot_align<V>(), texts);
    } else {
      std::memset(at + slot_align<V>(), 0, slot_size<V>());
    }
  } else if constexpr (kIsRecord<T>) {
    write_fields(value, at, texts, std::make_index_sequence<kFieldCount<T>>{});
  } else {
    const TextRef ref = texts.take(encoded_size(value));
    std::memcpy(at, &ref, sizeof ref);
    RawWriter out(texts.at(ref));
    encode_value(out, value);
  }
}

template <class T>
[[gnu::always_inline]] inline void read_slot(const std::uint8_t* at, const std::uint8_t* block_end, T& value);
template <class T, std::size_t... I>
[[gnu::always_inline]] inline void read_fields(const std::uint8_t* at, const std::uint8_t* block_end, T& value,
                                               std::index_sequence<I...>) {
  (read_slot<FieldType<T, I>>(at + slot_offset<T, I>(), block_end, field<I>(value)), ...);
}
template <class T>
[[gnu::always_inline]] inline void read_slot(const std::uint8_t* at, const std::uint8_t* block_end, T& value) {
  if constexpr (is_plain<T>()) {
    std::memcpy(&value, at, sizeof(T));
  } else if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, std::string>) {
    TextRef ref;
    std::memcpy(&ref, at, sizeof ref);
    const std::string_view view(reinterpret_cast<const char*>(block_end - ref.offset), ref.length);
    if constexpr (std::is_same_v<T, Text>) {
      value = Text::borrow(view);
    } else {
      value.assign(view);
    }
  } else if constexpr (kIsOptional<T>) {
    using V = typename T::value_type;
    if (*at == 0) {
      value.reset();
    } else {
      if (!value) value.emplace();
      read_slot(at + slot_align<V>(), block_end, *value);
    }
  } else if constexpr (kIsRecord<T>) {
    read_fields(at, block_end, value, std::make_index_sequence<kFieldCount<T>>{});
  } else {
    TextRef ref;
    std::memcpy(&ref, at, sizeof ref);
    ByteReader in(std::string_view(reinterpret_cast<const char*>(block_end - ref.offset), ref.length));
    if (!decode_value(in, value) || !in.at_end()) throw_corrupt_row(schema_text(type_of<T>()));
  }
}

/// Collects where in a row the TextRefs and the bytes that must be 0 or 1 lie.
template <class T>
void describe_slot(std::uint32_t at, RowLayout& layout) {
  if constexpr (std::is_same_v<T, bool>) {
    layout.bool_bytes.push_back(at);
  } else if constexpr (is_plain<T>()) {
    if constexpr (kIsRecord<T>) {
      const TypeInfo& info = type_of<T>();
      for_each_index<T>([&](auto index) {
        describe_slot<FieldType<T, index>>(at + static_cast<std::uint32_t>(info.fields[index].offset), layout);
      });
    }
  } else if constexpr (kIsOptional<T>) {
    using V = typename T::value_type;
    layout.bool_bytes.push_back(at);
    describe_slot<V>(at + static_cast<std::uint32_t>(slot_align<V>()), layout);
  } else if constexpr (kIsRecord<T>) {
    for_each_index<T>([&](auto index) {
      describe_slot<FieldType<T, index>>(at + static_cast<std::uint32_t>(slot_offset<T, index>()), layout);
    });
  } else {
    layout.text_refs.push_back(at);
  }
}

}  // namespace detail

/// Rows of T in blocks: T is any Serializable type; one that is no record lies there like a record of one field.
/// Plain types (trivially copyable, of numbers, bools, enums, times, decimals and structs of these) lie in the block as
/// an array of T. Lives on: any thread (pure).
template <class T>
struct RowCodec {
  static constexpr bool kPlain = detail::is_plain<T>();
  static constexpr std::uint32_t kAlign = static_cast<std::uint32_t>(detail::slot_align<T>());
  static constexpr std::uint32_t kStride = static_cast<std::uint32_t>(detail::slot_size<T>());
  static_assert(kAlign <= 16, "weir: records are aligned to 16 bytes at most");
  static_assert(kStride <= kBlockPayloadBytes / 2,
                "weir: the fixed part of this record is beyond 16 KiB; use lists or text");

  /// Made at the first call.
  static const RowLayout& layout() {
    static const RowLayout made = [] {
      RowLayout layout;
      layout.stride = kStride;
      layout.align = kAlign;
      layout.plain = kPlain;
      layout.schema_id = schema_id(schema_text(type_of<T>()));
      detail::describe_slot<T>(0, layout);
      return layout;
    }();
    return made;
  }

  /// Bytes of text that a row of this value takes, beside its kStride bytes.
  [[gnu::always_inline]] static std::size_t text_bytes(const T& value) { return detail::slot_text_bytes(value); }

  /// The row's value: in place for a plain type, else in `scratch`, whose Texts are then views into the block. What the
  /// caller does not use is not read. Owning members of `scratch` keep their capacity from row to row. Errors:
  /// CorruptRow when a list, map or variant of the row cannot be decoded.
  [[gnu::always_inline]] static const T& read(const Block& block, std::uint32_t row, T& scratch) {
    return read_at(block.fixed() + std::size_t{row} * kStride, block.end(), scratch);
  }
  [[gnu::always_inline]] static const T& read_at(const std::uint8_t* at, const std::uint8_t* block_end, T& scratch) {
    if constexpr (kPlain) {
      return *std::launder(reinterpret_cast<const T*>(at));
    } else {
      detail::read_slot(at, block_end, scratch);
      return scratch;
    }
  }
  static T read(const Block& block, std::uint32_t row) requires(!kPlain) {
    T value{};
    detail::read_slot(block.fixed() + std::size_t{row} * kStride, block.end(), value);
    return value;
  }

  /// Writes at a place that is known to have room: kStride bytes, and text_bytes(value) in the text area.
  [[gnu::always_inline]] static void write_at(const T& value, std::uint8_t* at, detail::TextArea& texts) {
    detail::write_slot(value, at, texts);
  }

  /// Appends a row. The block was reset with layout(). Prefix values (time, kind) are the caller's.
  /// @return  false, and nothing is written, when the block has no room for it
  static bool append(const T& value, Block& block) {
    const std::size_t text = text_bytes(value);
    if (block.rows == kBlockRowsMax || kStride + text > block.free_bytes()) return false;
    detail::TextArea texts{block.end(), block.text_bytes};
    detail::write_slot(value, block.row(block.rows), texts);
    block.rows += 1;
    block.fixed_bytes += kStride;
    block.text_bytes = texts.used;
    return true;
  }
};

/// A type that cannot be in a stream. It has been reported; nothing more is said of its rows.
template <class T>
requires(!detail::CheckType<T>::kFits) struct RowCodec<T> {
  static constexpr bool kPlain = false;
  static constexpr std::uint32_t kAlign = 1;
  static constexpr std::uint32_t kStride = 1;
  static const RowLayout& layout();
  static std::size_t text_bytes(const T& value);
  static const T& read(const Block& block, std::uint32_t row, T& scratch);
  static T read(const Block& block, std::uint32_t row);
  static const T& read_at(const std::uint8_t* at, const std::uint8_t* block_end, T& scratch);
  static void write_at(const T& value, std::uint8_t* at, detail::TextArea& texts);
  static bool append(const T& value, Block& block);
};

}  // namespace weir
