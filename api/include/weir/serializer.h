// Serializer: the bytes of one value, for the variable part of rows and for state. docs/formats/value.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "weir/bytes.h"
#include "weir/reflect.h"
#include "weir/type_of.h"

namespace weir {
namespace detail {

constexpr std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

/// Writes where room is certain: the size was computed before.
class RawWriter {
 public:
  explicit RawWriter(std::uint8_t* at) : at_(at) {}
  template <class Number>
  void put(Number value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void put_varint(std::uint64_t value) {
    while (value >= 0x80) {
      *at_++ = static_cast<std::uint8_t>(value | 0x80);
      value >>= 7;
    }
    *at_++ = static_cast<std::uint8_t>(value);
  }
  void put_text(std::string_view text) {
    put_varint(text.size());
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  const std::uint8_t* at() const { return at_; }

 private:
  std::uint8_t* at_;
};

/// Types whose bytes are their memory: numbers, enums, times, decimals.
template <class T>
inline constexpr bool kIsScalar =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, EventTime> || kIsDecimal<T>;

/// Fewest bytes that a value takes: a count read from bytes is checked against it before memory is taken.
template <class T>
constexpr std::size_t least_size() {
  if constexpr (kIsScalar<T>) {
    return sizeof(T);
  } else if constexpr (kIsRecord<T>) {
    std::size_t size = 0;
    for_each_index<T>([&](auto index) { size += least_size<FieldType<T, index>>(); });
    return size;
  } else {
    return 1;
  }
}

template <class T>
constexpr bool holds_text();
template <class... T>
constexpr bool any_holds_text(const std::variant<T...>*) {
  return (holds_text<T>() || ...);
}
/// Is there a Text anywhere in it?
template <class T>
constexpr bool holds_text() {
  if constexpr (std::is_same_v<T, Text>) {
    return true;
  } else if constexpr (kIsOptional<T> || kIsList<T>) {
    return holds_text<typename T::value_type>();
  } else if constexpr (kIsMap<T>) {
    return holds_text<typename T::key_type>() || holds_text<typename T::mapped_type>();
  } else if constexpr (kIsVariant<T>) {
    return any_holds_text(static_cast<const T*>(nullptr));
  } else if constexpr (kIsRecord<T>) {
    bool found = false;
    for_each_index<T>([&](auto index) { found = found || holds_text<FieldType<T, index>>(); });
    return found;
  } else {
    return false;
  }
}
template <class T>
inline constexpr bool kHoldsText = holds_text<T>();

}  // namespace detail

/// Bytes that encode_value writes.
template <class T>
std::size_t encoded_size(const T& value) {
  using namespace detail;
  if constexpr (kIsScalar<T>) {
    return sizeof(T);
  } else if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, std::string>) {
    return varint_size(value.size()) + value.size();
  } else if constexpr (kIsOptional<T>) {
    return 1 + (value ? encoded_size(*value) : 0);
  } else if constexpr (kIsList<T>) {
    using Element = typename T::value_type;
    std::size_t size = varint_size(value.size());
    if constexpr (kIsScalar<Element>) {
      size += value.size() * sizeof(Element);
    } else {
      for (const auto& element : value) size += encoded_size(element);
    }
    return size;
  } else if constexpr (kIsMap<T>) {
    std::size_t size = varint_size(value.size());
    for (const auto& [key, element] : value) size += encoded_size(key) + encoded_size(element);
    return size;
  } else if constexpr (kIsVariant<T>) {
    return varint_size(value.index()) + std::visit([](const auto& held) { return encoded_size(held); }, value);
  } else {
    std::size_t size = 0;
    for_each_index<T>([&](auto index) { size += encoded_size(field<index>(value)); });
    return size;
  }
}

/// Appends a value's bytes to a writer (ByteWriter, or RawWriter where room is certain).
template <class Writer, class T>
void encode_value(Writer& out, const T& value) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    out.put(static_cast<std::uint8_t>(value ? 1 : 0));
  } else if constexpr (std::is_same_v<T, EventTime>) {
    out.put(to_ms(value));
  } else if constexpr (kIsDecimal<T>) {
    if constexpr (sizeof(T) == 8) {
      out.put(value.units);
    } else {
      out.put(static_cast<std::uint64_t>(value.units));
      out.put(static_cast<std::uint64_t>(value.units >> 64));
    }
  } else if constexpr (kIsScalar<T>) {
    out.put(value);
  } else if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, std::string>) {
    out.put_text(std::string_view(value.data(), value.size()));
  } else if constexpr (kIsOptional<T>) {
    out.put(static_cast<std::uint8_t>(value ? 1 : 0));
    if (value) encode_value(out, *value);
  } else if constexpr (kIsList<T>) {
    out.put_varint(value.size());
    for (const auto& element : value) encode_value(out, element);
  } else if constexpr (kIsMap<T>) {
    out.put_varint(value.size());
    for_each_entry(value, [&](const auto& key, const auto& element) {
      encode_value(out, key);
      encode_value(out, element);
    });
  } else if constexpr (kIsVariant<T>) {
    out.put_varint(value.index());
    std::visit([&](const auto& held) { encode_value(out, held); }, value);
  } else {
    for_each_index<T>([&](auto index) { encode_value(out, field<index>(value)); });
  }
}

template <class T>
bool decode_value(ByteReader& in, T& value);

namespace detail {

template <class T>
bool decode_list(ByteReader& in, T& list) {
  using Element = typename T::value_type;
  std::uint64_t count = 0;
  if (!in.get_varint(count)) return false;
  if (count > in.remaining() / least_size<Element>()) return in.fail();
  list.resize(static_cast<std::size_t>(count));
  for (auto& element : list) {
    if (!decode_value(in, element)) return false;
  }
  return true;
}

template <class T>
bool decode_map(ByteReader& in, T& map) {
  using Key = typename T::key_type;
  using Value = typename T::mapped_type;
  std::uint64_t count = 0;
  if (!in.get_varint(count)) return false;
  if (count > in.remaining() / (least_size<Key>() + least_size<Value>())) return in.fail();
  map.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    Key key{};
    Value element{};
    if (!decode_value(in, key) || !decode_value(in, element)) return false;
    map.insert_or_assign(std::move(key), std::move(element));
  }
  return true;
}

template <class T, std::size_t I = 0>
bool decode_alternative(ByteReader& in, T& variant, std::uint64_t index) {
  if constexpr (I < std::variant_size_v<T>) {
    if (index != I) return decode_alternative<T, I + 1>(in, variant, index);
    hold_alternative(variant, I);
    return decode_value(in, *std::get_if<I>(&variant));
  } else {
    return in.fail();
  }
}

}  // namespace detail

/// Reads what encode_value wrote; a Text becomes a view into the reader's bytes, owning members keep their capacity.
/// @return  false when the bytes end early or are no such value; `value` is then anything.
template <class T>
bool decode_value(ByteReader& in, T& value) {
  using namespace detail;
  if constexpr (std::is_same_v<T, bool>) {
    std::uint8_t byte = 0;
    if (!in.get(byte)) return false;
    if (byte > 1) return in.fail();
    value = byte == 1;
    return true;
  } else if constexpr (std::is_same_v<T, EventTime>) {
    std::int64_t ms = 0;
    if (!in.get(ms)) return false;
    value = from_ms(ms);
    return true;
  } else if constexpr (kIsDecimal<T>) {
    if constexpr (sizeof(T) == 8) {
      return in.get(value.units);
    } else {
      std::uint64_t low = 0;
      std::uint64_t high = 0;
      if (!in.get(low) || !in.get(high)) return false;
      value.units = static_cast<Int128>((static_cast<UInt128>(high) << 64) | low);
      return true;
    }
  } else if constexpr (kIsScalar<T>) {
    return in.get(value);
  } else if constexpr (std::is_same_v<T, Text>) {
    std::string_view view;
    if (!in.get_text(view)) return false;
    value = Text::borrow(view);
    return true;
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::string_view view;
    if (!in.get_text(view)) return false;
    value.assign(view);
    return true;
  } else if constexpr (kIsOptional<T>) {
    std::uint8_t engaged = 0;
    if (!in.get(engaged)) return false;
    if (engaged > 1) return in.fail();
    if (engaged == 0) {
      value.reset();
      return true;
    }
    if (!value) value.emplace();
    return decode_value(in, *value);
  } else if constexpr (kIsList<T>) {
    return decode_list(in, value);
  } else if constexpr (kIsMap<T>) {
    return decode_map(in, value);
  } else if constexpr (kIsVariant<T>) {
    std::uint64_t index = 0;
    return in.get_varint(index) && decode_alternative(in, value, index);
  } else {
    bool good = true;
    for_each_index<T>([&](auto index) { good = good && decode_value(in, field<index>(value)); });
    return good;
  }
}

}  // namespace weir
